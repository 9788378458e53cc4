//! Blobs, manifests, refs, partials, locks, leases, eviction and the Hugging Face view. Sees no network.
