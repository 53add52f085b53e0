//! Images in an OCI layout, as a stranger may make them.

use serde_json::json;

use crate::{
    harness::{CLEAN, Sandbox, VULNERABLE},
    image::{Form, Image, Layer, Layout, put},
};

#[test]
fn an_image_passes_and_its_sbom_is_whole() {
    let sandbox = Sandbox::new();
    put(&sandbox, &Image::clean());
    sandbox.say("image oci:oci").exits(0).says(&["PASS"]);
    sandbox.say("sbom oci:oci").exits(0);
}

#[test]
fn every_platform_has_reports_of_its_own_where_they_belong() {
    let sandbox = Sandbox::new();
    let mut layout = Layout::new(&sandbox, "oci");
    let platforms = [("linux", "v6"), ("linux", "v7"), ("../../out", "v7"), ("linux", "v7")];
    for (at, (os, variant)) in platforms.into_iter().enumerate() {
        let mut image = Image::clean();
        image.platform = json!({"os": os, "architecture": "arm", "variant": variant});
        image.run["Labels"] = json!({"number": at.to_string()});
        layout.add(&image, None);
    }
    sandbox.write("reports/there", "");
    sandbox.say("image oci:oci --all-platforms -o json=reports/image.json").exits(0);
    let names = crate::image::names(&sandbox.path("reports"));
    assert!(!sandbox.path("../out-arm.image.json").exists() && !sandbox.path("../out").exists());
    assert_eq!(names[0], "------out-arm-v7.image.json", "{names:?}");
    assert_eq!(names[1], "linux-arm-v6.image.json", "{names:?}");
    assert!(names[2].starts_with("linux-arm-v7"), "{names:?}");
}

#[test]
fn an_image_that_no_stage_looks_at_is_not_passed_over() {
    let sandbox = Sandbox::with(CLEAN);
    put(&sandbox, &Image::clean());
    sandbox
        .say("run --stage source --image oci:oci")
        .exits(2)
        .says(&["no stage that runs looks at an image"]);
    sandbox.say("run --stage source").exits(0);
}

#[test]
fn what_an_image_says_is_one_line_and_moves_no_cursor() {
    let sandbox = Sandbox::new();
    let path = "a/\u{1b}[2Jx\n::error::y/.wh..";
    put(&sandbox, &Image::of(vec![(Form::Gzip, Layer::new().file(path, ""))]));
    let run = sandbox.say("image oci:oci").exits(3);
    let text = run.says(&["names nothing"]).stderr;
    assert!(!text.contains('\u{1b}') && !text.contains("\n::"), "{text:?}");
}

#[test]
fn a_merged_sbom_has_the_gaps_of_its_parts() {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.say("sbom . -o cyclonedx-json=whole.json").exits(0);
    sandbox.write("part/requirements.txt", "demo-web>=1\n");
    sandbox.say("sbom part -o cyclonedx-json=part.json").exits(3);
    sandbox.say("sbom merge whole.json -o one.json").exits(0);
    sandbox.say("sbom merge whole.json part.json -o both.json").exits(3).says(&["gap: "]);
    sandbox.say("sbom merge whole.json part.json --accept-gaps -o both.json").exits(0);
}
