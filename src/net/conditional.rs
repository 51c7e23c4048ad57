//! RFC 9110 §13 and §14: validators, conditions and ranges, as pure functions.
