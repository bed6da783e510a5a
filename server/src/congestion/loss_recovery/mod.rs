//! Packets that are lost, or may be: kept, sent again on request or unasked, within a budget.

pub mod duplication;
mod rtx_budget;
pub mod rtx_buffer;
