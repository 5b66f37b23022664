//! Commands that are designed and not built: named, so that nobody has to guess.

/// A command that this build does not have.
pub struct NotBuilt {
    /// Its name.
    pub name: &'static str,
    /// What it will do.
    pub will: &'static str,
    /// What to use meanwhile: a command.
    pub meanwhile: &'static str,
}

/// Every command of the design that this build does not have.
pub const NOT_BUILT: [NotBuilt; 4] = [
    NotBuilt {
        name: "recover",
        will: "plan the way out of a failed EKS Anywhere upgrade",
        meanwhile: "follow the EKS Anywhere documentation on failed upgrades",
    },
    NotBuilt {
        name: "backup",
        will: "back up an EKS Anywhere management cluster",
        meanwhile: "follow the EKS Anywhere documentation on backups",
    },
    NotBuilt {
        name: "restore",
        will: "plan the restore of an EKS Anywhere cluster",
        meanwhile: "follow the EKS Anywhere documentation on restores",
    },
    NotBuilt {
        name: "import",
        will: "write configs for live clusters",
        meanwhile: "copy `templates/cluster.jsonnet` and compare with `stairway diff CONFIG --live FILE`",
    },
];

/// Returns the paragraph of the help that names them.
pub fn paragraph() -> String {
    let names: Vec<&str> = NOT_BUILT.iter().map(|command| command.name).collect();
    format!("Not built yet:\n  {}", names.join(", "))
}

/// Returns the command of this name.
pub fn find(name: &str) -> Option<&'static NotBuilt> {
    NOT_BUILT.iter().find(|command| command.name == name)
}
