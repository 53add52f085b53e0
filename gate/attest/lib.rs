//! Keys, signatures and attestations, and their verification.
