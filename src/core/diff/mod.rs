//! Compares desired with observed: typed, default-aware, across generations.

mod assume;
mod compare;
pub mod generation;
mod ignore;
pub mod merge;
pub mod normalize;
pub mod text;

pub use assume::assume;
pub use compare::{
    Differences, FieldDifference, GroupDifferences, as_live, cluster_settings, compare,
    effective_spec,
};
