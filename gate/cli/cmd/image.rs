use secgate_license::Licenses;
use secgate_model::{Finding, Inventory, Layer, Problem, Target, TargetKind};
use secgate_scan::{About, Job, Need, Ran, Scan, ScanError, Scanner, run_scanners};
use secgate_source::Image;

use crate::{
    args::ImageArgs,
    baseline::from_report,
    environment,
    exit::{ERROR, Failure, Outcome},
    judge::{Case, conclude, judge_stage, policy_for},
    look::{Looked, audit_of},
    open_image,
    settings::Settings,
};

/// The stage that judges an image.
pub(crate) const STAGE: &str = "image";

pub(crate) fn run(args: &ImageArgs) -> Outcome {
    let common = &args.common;
    let started = common.at.unwrap_or_else(environment::now);
    let settings = Settings::read(common, None)?;
    let policy = policy_for(&settings, common, STAGE)?;
    let mut scanners = vec![STAGE];
    let licenses = Licenses.about().id;
    if policy.scanners(STAGE).unwrap_or_default().iter().any(|(name, _)| *name == licenses) {
        scanners.push(licenses);
    }
    let policy = policy.only_scanners(STAGE, &scanners);
    let (policy, later) = policy.only_findings(STAGE);
    let database = settings.database(common)?;
    let baseline = match &common.baseline {
        Some(named) => Some(from_report(std::path::Path::new(named))?),
        None => None,
    };
    let images = open_image::open(&args.reference, &args.source)?;
    // Where there is no image to judge, what else would be demanded of it is no help.
    if !later.is_empty() && !common.talk.quiet {
        anstream::eprintln!(
            "note: this verb looks at the image alone; `secgate run --stage {STAGE}` also demands {}",
            later.join(", ")
        );
    }
    let mut code = 0;
    for (image, label) in images.iter().zip(open_image::labels(&images)) {
        let looked =
            look(&args.reference, image, images.len() > 1, &settings, &database, &scanners);
        let case = Case::of(&looked, started);
        let verdict = judge_stage(&case, &settings, &policy, STAGE, baseline.as_ref(), &database);
        let files = files(&common.output, (images.len() > 1).then_some(label.as_str()));
        code = code.max(conclude(&case, &[verdict], common, &files, &settings)?);
        std::mem::forget(looked);
    }
    // No image at all is no pass.
    Ok(if images.is_empty() { ERROR } else { code })
}

/// Looks at one image with those of these scanners that look at images.
pub(crate) fn look(
    reference: &str,
    image: &Image,
    several: bool,
    settings: &Settings,
    database: &secgate_advisory::Database,
    scanners: &[&str],
) -> Looked {
    let target = target(reference, image, several);
    let inventory = inventory(image);
    let scanner = ImageScanner { audit: audit_of(settings, database), image };
    let job = Job {
        target: &target,
        tree: Some(&image.tree),
        inventory: Some(&inventory),
        now: settings.now,
    };
    let mut wanted: Vec<&dyn Scanner> = vec![&scanner];
    if scanners.contains(&Licenses.about().id) {
        wanted.push(&Licenses);
    }
    let ran: Ran = run_scanners(&wanted, &job);
    Looked { target, inventory, ran, base_path: None }
}

/// What an image is made of, and the layers that brought it.
fn inventory(image: &Image) -> Inventory {
    let mut inventory = secgate_inventory::take_image_inventory(&image.tree);
    let base = image.base.as_ref().and_then(|base| base.layers);
    inventory.layers = image
        .layers
        .iter()
        .enumerate()
        .map(|(at, layer)| Layer {
            diff_id: layer.diff_id.clone(),
            // Scrubbed as a whole: half a secret is not known for one.
            step: layer
                .step
                .as_deref()
                .map(|step| secgate_code::secret::scrubbed(step).chars().take(MAX_STEP).collect()),
            base: base.map(|count| at < count),
        })
        .collect();
    inventory
}

/// Characters of a build step that a report holds.
const MAX_STEP: usize = 2000;

/// What an image is called in reports.
pub(crate) fn target(reference: &str, image: &Image, several: bool) -> Target {
    let name = if several {
        format!("{reference} ({})", open_image::platform(image))
    } else {
        reference.to_owned()
    };
    Target { kind: TargetKind::Image, name, digest: image.manifest.clone(), revision: None }
}

/// With several images each has files of its own.
fn files(
    output: &[(secgate_report::Format, std::path::PathBuf)],
    label: Option<&str>,
) -> Vec<(secgate_report::Format, std::path::PathBuf)> {
    let named = |path: &std::path::PathBuf| {
        let Some(label) = label else { return path.clone() };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        path.with_file_name(format!("{label}.{}", name.unwrap_or_default()))
    };
    output.iter().map(|(format, path)| (*format, named(path))).collect()
}

/// Everything that is looked for in an image: advisories for its packages, and what is wrong with how it is built and run.
struct ImageScanner<'a> {
    audit: secgate_advisory::Audit<'a>,
    image: &'a Image,
}

static ABOUT: About =
    About { id: "image", version: env!("CARGO_PKG_VERSION"), needs: &[Need::Inventory] };

impl Scanner for ImageScanner<'_> {
    fn about(&self) -> &About {
        &ABOUT
    }

    fn scan(&self, job: &Job<'_>) -> Result<Scan, ScanError> {
        let mut scan = self.audit.scan(job)?;
        let rules = secgate_code::image::scan_image(job.target, self.image);
        scan.findings.extend(rules.findings);
        scan.problems.extend(rules.problems);
        scan.detail = format!("{}; {}", scan.detail, rules.detail);
        // A configuration is always there to look at.
        let nothing_installed = std::mem::take(&mut scan.nothing_to_look_at);
        if nothing_installed {
            scan.problems.push(unknown_contents(self.image));
        }
        for finding in &mut scan.findings {
            as_image(finding);
        }
        Ok(scan)
    }
}

/// No package: nobody can say what an image without any record of packages is made of. One without a file runs nothing, and
/// is what a build leaves that went wrong.
fn unknown_contents(image: &Image) -> Problem {
    if image.files == 0 {
        return Problem {
            location: None,
            message: "the image has no files: there is nothing to judge".to_owned(),
            hint: Some("see whether its build copied anything into it".to_owned()),
            gap: true,
        };
    }
    Problem {
        location: None,
        message: format!(
            "the image has {} files and no record of packages that secgate reads: what it is made of is not known",
            image.files
        ),
        hint: Some(
            "build its programs with a list of what is in them (Go does, `cargo auditable build` does), \
             or judge an SBOM of the build"
                .to_owned(),
        ),
        gap: true,
    }
}

fn as_image(finding: &mut Finding) {
    STAGE.clone_into(&mut finding.scanner);
    finding.seen_by = vec![STAGE.to_owned()];
}

/// The inventory of the images that a reference stands for.
pub(crate) fn inventories(
    reference: &str,
    source: &crate::args::ImageSource,
) -> Result<Vec<(Target, Inventory)>, Failure> {
    let images = open_image::open(reference, source)?;
    let several = images.len() > 1;
    Ok(images
        .iter()
        .map(|image| {
            let inventory = inventory(image);
            (target(reference, image, several), inventory)
        })
        .collect())
}
