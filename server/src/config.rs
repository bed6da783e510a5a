//! What was typed (flags, environment, file), then what it means, checked once.
