//! `model-cache` with fail points and mutants in it, for `cargo xtask torture`.

fn main() -> std::process::ExitCode {
    cache_cli::main()
}
