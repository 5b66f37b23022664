//! What Kubernetes, EKS and the fleet's owner allow: tables, severities, waivers.

pub mod addons;
pub mod limits;
pub mod settings;
pub mod skew;
#[cfg(test)]
mod tests;
pub mod waivers;
pub mod windows;
