use crate::Policy;

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
}
