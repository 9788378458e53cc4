//! Files as bodies: ranges, several ranges, whole files, while they arrive.
