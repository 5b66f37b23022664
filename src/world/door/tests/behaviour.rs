//! What the recordings do not show.
