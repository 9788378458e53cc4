//! The `model-cache` command.

fn main() -> std::process::ExitCode {
    cache_cli::main()
}
