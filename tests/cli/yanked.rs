use crate::harness::Sandbox;

const LOCK: &str = "version = 4\n\n[[package]]\nname = \"demo\"\nversion = \"0.1.0\"\ndependencies = [\n \"demo-time\",\n]\n\n\
    [[package]]\nname = \"demo-time\"\nversion = \"0.3.1\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n";

fn index(yanked: bool) -> String {
    format!(
        "{{\"name\":\"demo-time\",\"vers\":\"0.3.1\",\"yanked\":{yanked}}}\n{{\"name\":\"demo-time\",\"vers\":\"0.3.2\",\"yanked\":false}}\n"
    )
}

#[test]
fn a_yanked_crate_warns_by_default_and_fails_where_the_policy_is_strict() {
    let sandbox = Sandbox::new();
    sandbox.write("Cargo.lock", LOCK);
    sandbox.write("index/de/mo/demo-time", index(true));
    sandbox.say("audit Cargo.lock").exits(0);
    sandbox
        .say("audit Cargo.lock --crates-index index -v")
        .exits(0)
        .says(&["yanked  demo-time 0.3.1  warns", "demo-time 0.3.1 was yanked"]);
    sandbox.say("audit Cargo.lock --crates-index index --policy builtin:strict").exits(1);
    sandbox.write("index/de/mo/demo-time", index(false));
    sandbox.say("audit Cargo.lock --crates-index index --policy builtin:strict").exits(0);
}

#[test]
fn an_index_that_does_not_know_the_crate_is_no_proof_that_it_stands() {
    let sandbox = Sandbox::new();
    sandbox.write("Cargo.lock", LOCK);
    sandbox.write("index/config.json", "{}");
    sandbox.say("audit Cargo.lock --crates-index index").exits(3).says(&["demo-time 0.3.1"]);
    sandbox.write("index/de/mo/demo-time", "not an index");
    sandbox.say("audit Cargo.lock --crates-index index").exits(3).says(&["demo-time"]);
    sandbox.say("audit Cargo.lock --crates-index nowhere").exits(3).says(&["nowhere"]);
    sandbox.say("audit Cargo.lock --crates-index cargo").exits(3).says(&["cargo fetch"]);
}
