//! The real `model-cache`, built beside the tests that run it.

fn main() -> std::process::ExitCode {
    cache_cli::main()
}
