use secgate_model::{Decision, Severity};

use crate::{
    Inputs, evaluate,
    laws::{HIGH, policy, vulnerability, with},
    load_waivers,
};

/// Whether a high finding of CVE-2026-1 (GHSA-1111-2222-3333) in pkg:npm/left@1.0.0 passes with the document.
fn check(document: &str, expected: bool) {
    let waivers = load_waivers(&[("v.json".to_owned(), document.as_bytes().to_vec())])
        .unwrap_or_else(|errors| panic!("{errors}\n{document}"));
    let mut finding =
        vulnerability("CVE-2026-1", Some(Severity::High), "pkg:npm/left@1.0.0", &["1.0.1"]);
    finding.aliases = vec!["GHSA-1111-2222-3333".into()];
    with(&policy(HIGH), &[finding], |inputs| {
        let verdict = evaluate(&Inputs { waivers: &waivers, ..inputs });
        assert_eq!(
            verdict.decision == Decision::Pass,
            expected,
            "{document}\n{:#?}",
            waivers.list()
        );
        if expected {
            assert_eq!(verdict.waived[0].expires, None);
            assert!(
                verdict.waived[0].source.starts_with("v.json:"),
                "{}",
                verdict.waived[0].source
            );
        }
        assert!(verdict.notices.is_empty());
    });
}

fn openvex(statement: &str) -> String {
    format!(
        "{{\n\"@context\": \"https://openvex.dev/ns/v0.2.0\",\n\"@id\": \"https://acme.example/vex/1\",\n\"author\": \"Acme\",\n\"statements\": [\n{{{statement}}}]}}"
    )
}

#[test]
fn openvex_excuses_the_package_that_it_names() {
    let not_affected =
        "\"status\": \"not_affected\", \"justification\": \"vulnerable_code_not_present\"";
    let name = |name: &str| format!("\"vulnerability\": {{\"name\": \"{name}\"}}");
    let product = |purl: &str| format!("\"products\": [{{\"@id\": \"{purl}\"}}]");
    let check = |parts: [&str; 3], expected| check(&openvex(&parts.join(", ")), expected);
    check([not_affected, &name("CVE-2026-1"), &product("pkg:npm/left@1.0.0")], true);
    check([not_affected, &name("CVE-2026-1"), &product("pkg:npm/left")], true);
    check([not_affected, &name("GHSA-1111-2222-3333"), &product("pkg:npm/left")], true);
    check(
        [
            not_affected,
            "\"vulnerability\": {\"name\": \"ACME-1\", \"aliases\": [\"CVE-2026-1\"]}",
            &product("pkg:npm/left"),
        ],
        true,
    );
    check([not_affected, &name("CVE-2026-2"), &product("pkg:npm/left")], false);
    check([not_affected, &name("CVE-2026-1"), &product("pkg:npm/left@1.0.1")], false);
    check([not_affected, &name("CVE-2026-1"), &product("pkg:npm/right")], false);
    check([not_affected, &name("CVE-2026-1"), &product("https://acme.example/left")], false);
    check(["\"status\": \"fixed\"", &name("CVE-2026-1"), &product("pkg:npm/left@1.0.0")], true);
    check(["\"status\": \"fixed\"", &name("CVE-2026-1"), &product("pkg:npm/left")], false);
    check(["\"status\": \"affected\"", &name("CVE-2026-1"), &product("pkg:npm/left@1.0.0")], false);
    check(
        [
            "\"status\": \"under_investigation\"",
            &name("CVE-2026-1"),
            &product("pkg:npm/left@1.0.0"),
        ],
        false,
    );
    let inside = |of: &str| {
        format!(
            "\"products\": [{{\"@id\": \"{of}\", \"subcomponents\": [{{\"@id\": \"pkg:npm/left@1.0.0\"}}]}}]"
        )
    };
    check([not_affected, &name("CVE-2026-1"), &inside("shop/api")], true);
    check([not_affected, &name("CVE-2026-1"), &inside("shop/*")], false);
    check([not_affected, &name("CVE-2026-1"), &inside("pkg:oci/other")], false);
}

#[test]
fn cyclonedx_excuses_the_component_that_it_refers_to() {
    let document = |analysis: &str, affects: &str| {
        format!(
            "{{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"1.6\", \"components\": [{{\"type\": \"library\", \"name\": \"left\", \"bom-ref\": \"ref-1\", \"purl\": \"pkg:npm/left@1.0.0\"}}],\n\"vulnerabilities\": [\n{{\"id\": \"CVE-2026-1\", \"analysis\": {analysis}, \"affects\": [{affects}]}}]}}"
        )
    };
    let no = "{\"state\": \"not_affected\", \"justification\": \"code_not_reachable\"}";
    check(&document(no, "{\"ref\": \"ref-1\"}"), true);
    check(
        &document(no, "{\"ref\": \"urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1#ref-1\"}"),
        true,
    );
    check(&document(no, "{\"ref\": \"pkg:npm/left@1.0.0\"}"), true);
    check(&document(no, "{\"ref\": \"ref-2\"}"), false);
    check(
        &document(
            no,
            "{\"ref\": \"ref-1\", \"versions\": [{\"version\": \"1.0.0\", \"status\": \"unaffected\"}]}",
        ),
        true,
    );
    check(
        &document(
            no,
            "{\"ref\": \"ref-1\", \"versions\": [{\"version\": \"1.0.0\", \"status\": \"affected\"}]}",
        ),
        false,
    );
    check(
        &document(
            no,
            "{\"ref\": \"ref-1\", \"versions\": [{\"range\": \"vers:npm/<2\", \"status\": \"unaffected\"}]}",
        ),
        false,
    );
    check(&document("{\"state\": \"resolved\"}", "{\"ref\": \"ref-1\"}"), true);
    check(&document("{\"state\": \"exploitable\"}", "{\"ref\": \"ref-1\"}"), false);
    check(&document("{\"state\": \"in_triage\"}", "{\"ref\": \"ref-1\"}"), false);
}

#[test]
fn csaf_excuses_the_products_of_its_tree() {
    let document = |status: &str, flags: &str| {
        format!(
            "{{\"document\": {{\"category\": \"csaf_vex\", \"csaf_version\": \"2.0\", \"publisher\": {{\"name\": \"Acme\"}}, \"tracking\": {{\"id\": \"ACME-1\", \"status\": \"final\"}}}},\n\"product_tree\": {{\"branches\": [{{\"category\": \"vendor\", \"name\": \"Acme\", \"branches\": [{{\"category\": \"product_version\", \"name\": \"1.0.0\", \"product\": {{\"name\": \"left\", \"product_id\": \"P1\", \"product_identification_helper\": {{\"purl\": \"pkg:npm/left@1.0.0\"}}}}}}]}}],\n\"full_product_names\": [{{\"name\": \"shop\", \"product_id\": \"P2\"}}],\n\"relationships\": [{{\"category\": \"default_component_of\", \"product_reference\": \"P1\", \"relates_to_product_reference\": \"P2\", \"full_product_name\": {{\"name\": \"left of shop\", \"product_id\": \"P3\"}}}}]}},\n\"vulnerabilities\": [\n{{\"cve\": \"CVE-2026-1\", \"product_status\": {status}, \"flags\": [{flags}]}}]}}"
        )
    };
    let flag = "{\"label\": \"component_not_present\", \"product_ids\": [\"P1\", \"P3\"]}";
    check(&document("{\"known_not_affected\": [\"P1\"]}", flag), true);
    check(&document("{\"known_not_affected\": [\"P3\"]}", flag), true);
    check(&document("{\"fixed\": [\"P1\"]}", ""), true);
    check(&document("{\"known_affected\": [\"P1\"]}", ""), false);
    check(&document("{\"fixed\": [\"P2\"]}", ""), false);
}

#[test]
fn statements_know_their_lines() {
    let text = "{\n\"a\": [{\"statements\": [1]}],\n\"statements\": [\n {\"x\": \"]{[\\\"\"},\n {}, {},\n [\n]\n],\n\"b\": [{}]}";
    assert_eq!(super::element_lines(text.as_bytes(), "statements"), [4, 5, 5, 6]);
}
