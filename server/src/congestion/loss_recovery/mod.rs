//! Loss recovery: packets are kept, and sent again on request (NACK), unasked, or as a tail loss probe; within a budget.

pub mod duplication;
mod rtx_budget;
pub mod rtx_buffer;
