//! The operating systems of nodes by the names eksctl and EKS give them.

use super::Catalog;
use crate::model::{KubeMinor, Timestamp};
use serde::{Deserialize, Serialize};

/// How a node of a family is told to join its cluster; user data of one form
/// does not work on a family of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bootstrap {
    /// A shell script that calls `/etc/eks/bootstrap.sh` (Amazon Linux 2).
    Shell,
    /// A nodeadm `NodeConfig` in YAML (Amazon Linux 2023).
    NodeConfig,
    /// Bottlerocket settings in TOML.
    Toml,
    /// A PowerShell script (Windows).
    PowerShell,
    /// Canonical's images, with their own bootstrap script.
    Ubuntu,
}

/// A family of machine images.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmiFamily {
    /// eksctl's name, such as `AmazonLinux2023`.
    pub name: String,
    /// Other names in use, such as `AL2023`.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The EKS `amiType`s of the family; empty when EKS only says `CUSTOM`.
    pub ami_types: Vec<String>,
    /// The form of its user data.
    pub bootstrap: Bootstrap,
    /// The last minor with images; `None` while images are still made.
    #[serde(default)]
    pub last_minor: Option<KubeMinor>,
    /// Whether eksctl takes it when a nodegroup names none.
    #[serde(default)]
    pub default: bool,
    /// The day on which this was true.
    pub as_of: Timestamp,
    /// The upstream source.
    pub source: String,
}

impl AmiFamily {
    /// Returns whether there are images of this family for `minor`, as far as known.
    pub fn has_images_for(&self, minor: KubeMinor) -> bool {
        self.last_minor.is_none_or(|last| minor <= last)
    }
}

impl Catalog {
    /// Returns the family that eksctl calls `name`; case and aliases do not matter.
    pub fn ami_family(&self, name: &str) -> Option<&AmiFamily> {
        self.families.iter().find(|family| {
            std::iter::once(&family.name)
                .chain(&family.aliases)
                .any(|known| known.eq_ignore_ascii_case(name))
        })
    }

    /// Returns the family of an EKS `amiType` such as `AL2_x86_64_GPU`;
    /// `None` for `CUSTOM`, which says nothing.
    pub fn ami_family_of_type(&self, ami_type: &str) -> Option<&AmiFamily> {
        self.families
            .iter()
            .find(|family| family.ami_types.iter().any(|known| known == ami_type))
    }

    /// Returns the family of nodegroups that name none.
    pub fn default_ami_family(&self) -> Option<&AmiFamily> {
        self.families.iter().find(|family| family.default)
    }

    /// Returns all families.
    pub fn ami_families(&self) -> &[AmiFamily] {
        &self.families
    }
}
