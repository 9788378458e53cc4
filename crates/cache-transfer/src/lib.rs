//! From several sources to one verified blob: plan, engine, hashing, resume, single flight, pacing.
