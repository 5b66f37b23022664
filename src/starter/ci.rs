//! The workflows that plan, apply and look for drift in CI, and the scripts that they call.

/// Where the scripts are in a repository.
pub const CI_FOLDER: &str = ".stairway/ci";

const README: &str = include_str!("../../templates/ci/README.md");
const PLAN_SCRIPT: &str = include_str!("../../templates/ci/scripts/plan.sh");
const STORE_SCRIPT: &str = include_str!("../../templates/ci/scripts/store.sh");
const APPLY_SCRIPT: &str = include_str!("../../templates/ci/scripts/apply.sh");
const DRIFT_SCRIPT: &str = include_str!("../../templates/ci/scripts/drift.sh");
const INSTALL_SCRIPT: &str = include_str!("../../templates/ci/scripts/install.sh");
const KUBECONFIG_SCRIPT: &str = include_str!("../../templates/ci/scripts/kubeconfig.sh");
const GITHUB_PLAN: &str = include_str!("../../templates/ci/github/plan.yml");
const GITHUB_APPLY: &str = include_str!("../../templates/ci/github/apply.yml");
const GITHUB_DRIFT: &str = include_str!("../../templates/ci/github/drift.yml");
const GITLAB: &str = include_str!("../../templates/ci/gitlab/gitlab-ci.yml");

/// On both: what the workflows call.
const SCRIPTS: [(&str, &str); 5] = [
    (".stairway/ci/README.md", README),
    (".stairway/ci/apply.sh", APPLY_SCRIPT),
    (".stairway/ci/drift.sh", DRIFT_SCRIPT),
    (".stairway/ci/plan.sh", PLAN_SCRIPT),
    (".stairway/ci/store.sh", STORE_SCRIPT),
];

/// Who runs the workflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CiHost {
    /// GitHub Actions.
    Github,
    /// GitLab CI.
    Gitlab,
}

impl CiHost {
    /// Returns its files, as path in a repository and text, by path.
    pub fn files(self) -> Vec<(&'static str, &'static str)> {
        let own: &[(&str, &str)] = match self {
            Self::Github => &[
                (".github/workflows/stairway-apply.yml", GITHUB_APPLY),
                (".github/workflows/stairway-drift.yml", GITHUB_DRIFT),
                (".github/workflows/stairway-plan.yml", GITHUB_PLAN),
                (".stairway/ci/install.sh", INSTALL_SCRIPT),
                (".stairway/ci/kubeconfig.sh", KUBECONFIG_SCRIPT),
            ],
            Self::Gitlab => &[(".gitlab-ci.yml", GITLAB)],
        };
        let mut files = [own, &SCRIPTS].concat();
        files.sort_unstable_by_key(|(path, _)| *path);
        files
    }

    /// Returns how it is called on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflow_calls_scripts_that_come_with_it() {
        for host in [CiHost::Github, CiHost::Gitlab] {
            let files = host.files();
            let mut called = 0;
            for (path, text) in &files {
                for (_, rest) in text
                    .match_indices("sh .stairway/ci/")
                    .map(|(at, mark)| (at, &text[at + mark.len()..]))
                {
                    let name = rest.split([' ', '\n', '`']).next().unwrap_or_default();
                    let script = format!("{CI_FOLDER}/{name}");
                    assert!(
                        files.iter().any(|(known, _)| *known == script),
                        "{path} calls {script}"
                    );
                    called += usize::from(!path.starts_with(CI_FOLDER));
                }
            }
            assert!(called >= 4, "{host:?}: {called}");
        }
    }
}
