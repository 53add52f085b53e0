use crate::{Policy, policy::Check};

impl Policy {
    /// The same policy for a verb that runs only these scanners: `stage` then asks for no other scanner's evidence. Its
    /// rules stay; those about findings of other scanners have nothing to match. The digest changes with it, so that
    /// nobody takes the verdict for one of the whole stage.
    #[must_use]
    pub fn only_scanners(&self, stage: &str, scanners: &[&str]) -> Self {
        let mut policy = self.clone();
        if let Some(stage) = policy.stages.iter_mut().find(|other| other.name == stage) {
            let before = stage.scanners.len();
            stage.scanners.retain(|scanner| scanners.contains(&scanner.name.as_str()));
            if stage.scanners.len() != before {
                policy.digest = crate::digest::text(&format!(
                    "{} {} only {}",
                    policy.digest,
                    stage.name,
                    scanners.join(" ")
                ));
            }
        }
        policy
    }

    /// The same policy for a verb that only looks: what `stage` demands besides findings (signatures, attestations, earlier
    /// verdicts) is left out, and told by name. The digest changes with it, as in [`Policy::only_scanners`].
    #[must_use]
    pub fn only_findings(&self, stage: &str) -> (Self, Vec<String>) {
        let mut policy = self.clone();
        let mut left_out = Vec::new();
        let Some(at) = policy.stages.iter().position(|other| other.name == stage) else {
            return (policy, left_out);
        };
        let demands = |name: &String| {
            matches!(self.rules.get(name).map(|rule| &rule.check), Some(Check::Evidence(_)))
        };
        if let Some(stage) = policy.stages.get_mut(at) {
            left_out.extend(stage.uses.iter().filter(|name| demands(name)).cloned());
            stage.uses.retain(|name| !demands(name));
            if stage.require.take().is_some() {
                left_out.push("what the stage itself requires".to_owned());
            }
        }
        if !left_out.is_empty() {
            policy.digest = crate::digest::text(&format!(
                "{} {stage} without {}",
                policy.digest,
                left_out.join(" ")
            ));
        }
        (policy, left_out)
    }
}
