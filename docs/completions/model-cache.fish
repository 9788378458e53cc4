# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_model_cache_global_optspecs
    string join \n store= offline https-only json q/quiet config= log-level= log-format= h/help V/version
end

function __fish_model_cache_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_model_cache_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_model_cache_using_subcommand
    set -l cmd (__fish_model_cache_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c model-cache -n "__fish_model_cache_needs_command" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_needs_command" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_needs_command" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_needs_command" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_needs_command" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_needs_command" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_needs_command" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_needs_command" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_needs_command" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_needs_command" -s V -l version -d 'Print version'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "get" -d 'Download models, verify them, and print their local path'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "adopt" -d 'Add models that Hugging Face, Ollama or LM Studio downloaded'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "ls" -d 'List the models in the store'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "info" -d 'Show a model\'s files and variants, and which are local'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "path" -d 'Print the local path of a model; never uses the network'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "verify" -d 'Check stored files against their checksums, and repair them'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "rm" -d 'Remove models from the store'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "gc" -d 'Free disk space: evict least recently used models, delete leftovers'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "pin" -d 'Protect models from eviction and removal'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "unpin" -d 'Remove the protection that `pin` gave'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "registry" -d 'Give models short names, with versions, platforms, fallbacks'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "lock" -d 'Write a lock file of commits and checksums, for `get --locked`'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "outdated" -d 'Show which local models have newer commits at their source'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "update" -d 'Download newer commits of models in the store'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "sync" -d 'Download a list of models, once or on a schedule'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "push" -d 'Upload a model to S3, Google Cloud Storage or Azure'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "serve" -d 'Serve the store as a Hugging Face Hub mirror'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "export" -d 'Write models into one file, for machines without a network'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "import" -d 'Add the models of a file that `export` wrote, all verified'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "keygen" -d 'Create a key pair for `export --sign`, `import --verify-key`'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "quarantine" -d 'Show, restore or delete files that failed verification'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "env" -d 'Print shell variables that make other programs use the store'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "doctor" -d 'Diagnose problems of the installation and the network'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "stats" -d 'Show cache hits, downloads, failures and disk use'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "config" -d 'Show and check the configuration'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "token" -d 'Create access tokens for users of `serve`'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "completions" -d 'Print shell completions'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "demo" -d 'Download, verify and repair a small model of a built-in hub'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l from -d 'Also download what this file lists, - for stdin: REF [revision=R] [sha256=D] [include=GLOB] [exclude=GLOB] [to=DIR] [priority=N] on each line, # for comments. A line overrides the options' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l priority -d 'Order among several downloads: the highest starts first' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l locked -d 'Download exactly what this lock file records, or fail; without REF, all of it' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l revision -d 'Branch, tag, refs/pr/N or commit' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l include -d 'Only files that match; may be repeated. `*` also matches `/`, `folder/` all below it' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l exclude -d 'Skip files that match; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l to -d 'Also place the files in this folder, and print its path' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l sha256 -d 'Expected SHA-256 of the one file' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l sha256-compressed -d 'Expected SHA-256 of the compressed file; --sha256 is of the decompressed one' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l limit-rate -d 'Maximum download rate of all connections together, such as 50MB/s' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l mirror -d 'Another source of the same files: https://mirror.example, s3://bucket/{model}, https://host/{model} or a folder, where {model} is org/name; may be repeated. What it sends is verified, so it need not be trusted' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l jobs -d 'Files downloaded in parallel' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l deadline -d 'Time limit, such as 10m; `update` and `sync`: for each model. The same command resumes the download' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l max-wait -d 'Longest wait for a rate-limiting host [default: 5m]' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l fallback -d 'Alternative if it is missing, fails or does not fit: variants (Q4_K_S,Q3_K_M), a policy (smaller, fits-disk, fits-memory:8GB) or a URL (https://host/file#sha256=DIGEST&size=BYTES); may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l with -d 'Also download companion files: mmproj or a glob; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l hard-link -d 'With --to: hard-link to the store where files cannot be cloned'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l require-digest -d 'Fail for files whose source gives no checksum'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l keep-compressed -d 'Store .gz, .zst, .xz and .bz2 files of a URL as they are, without decompressing'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -l kind -d 'Layout of the folder: hf, ollama or lmstudio [default: detected]' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -l copy -d 'Copy files that cannot be hard-linked or cloned, such as those on another disk. Files outside DIR, of another user, executable or with other hard links are always copied'
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -l dry-run -d 'Show what would be adopted, without changing anything or verifying checksums'
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -l revision -d 'Branch, tag, refs/pr/N or commit' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l revision -d 'Branch, tag, refs/pr/N or commit' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l include -d 'Only files that match; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l exclude -d 'Skip files that match; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l all -d 'Everything in the store'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l repair -d 'Download corrupted files again; only the corrupted blocks where the source allows it'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l quick -d 'Skip files unchanged since their last check; does not find bit rot'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l max-size -d 'Evict least recently used models until the store has this size, such as 10GB' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l older-than -d 'Evict models unused for this long, such as 30d' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l partials -d 'Delete partial downloads that no process resumes: all, or those without progress for AGE [default: 7d]' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l files -d 'Evict single files instead of whole models'
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l dry-run -d 'Show what would be deleted and why, without deleting it'
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -f -a "add" -d 'Add a name, or a version of a name'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -f -a "ls" -d 'List all names'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -f -a "show" -d 'Show the version that a name resolves to'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -f -a "rm" -d 'Remove names or versions of names; the models stay in the store'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -f -a "discover" -d 'Find models without a name: in the store, in a folder or on the Hub'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -f -a "import" -d 'Add all names from a file that `registry export` wrote, or none'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -f -a "export" -d 'Write all names as TOML'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l version -d 'Version, as in semver [default: 1.0.0 for a new name]' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l digest -d 'Expected SHA-256 of the one file, or PATH=DIGEST of one of several; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l platform -d 'Only on these platforms: any, linux, x86_64, macos-aarch64, avx2, cuda …; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l fallback -d 'Alternative if it is not available: a REF, or :Q5_K_M for another quantization; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l tag -d 'Tag of this version, such as stable; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l pin -d 'Resolve now, and keep the name at this commit and these checksums'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l replace -d 'Replace an existing version'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from ls" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from ls" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from ls" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from ls" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from ls" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from ls" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from ls" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from show" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from show" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from show" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from show" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from show" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from show" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from show" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from rm" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from rm" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from rm" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from rm" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from rm" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from rm" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from rm" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l author -d 'Models of this user or organization on the Hub' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l search -d 'Models on the Hub with these words in their name' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l limit -d 'Maximum number of models to list from the Hub' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l add -d 'Add the models found, under the names shown'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from import" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from import" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from import" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from import" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from import" -l replace -d 'Replace versions that exist with other contents'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from import" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from import" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from import" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from export" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from export" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from export" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from export" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from export" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from export" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from export" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from help" -f -a "add" -d 'Add a name, or a version of a name'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from help" -f -a "ls" -d 'List all names'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show the version that a name resolves to'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from help" -f -a "rm" -d 'Remove names or versions of names; the models stay in the store'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from help" -f -a "discover" -d 'Find models without a name: in the store, in a folder or on the Hub'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from help" -f -a "import" -d 'Add all names from a file that `registry export` wrote, or none'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write all names as TOML'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand lock" -l from -d 'Lock exactly the models that this file lists, one on each line, # for comments' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand lock" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand lock" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand lock" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand lock" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand lock" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand lock" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand lock" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand lock" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand lock" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand outdated" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand outdated" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand outdated" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand outdated" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand outdated" -l exit-code -d 'Exit with 1 if there are newer commits'
complete -c model-cache -n "__fish_model_cache_using_subcommand outdated" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand outdated" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand outdated" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand outdated" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand outdated" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -l deadline -d 'Time limit, such as 10m; `update` and `sync`: for each model. The same command resumes the download' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -l max-wait -d 'Longest wait for a rate-limiting host [default: 5m]' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -l dry-run -d 'Show what would be downloaded, without downloading it'
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l ref -d 'Model to sync instead of a list; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l schedule -d 'Keep running, and sync at these times (cron, local time), such as "0 3 * * *" for every day at three' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l deadline -d 'Time limit, such as 10m; `update` and `sync`: for each model. The same command resumes the download' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l max-wait -d 'Longest wait for a rate-limiting host [default: 5m]' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l prune -d 'Remove models of earlier syncs that are no longer listed; pinned models stay'
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l dry-run -d 'Show what would be downloaded and removed, without doing it'
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -l revision -d 'Branch, tag or commit to upload; a branch or tag keeps its name in the bucket' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -l as-files -d 'Name objects after their files, for other tools; one version for each prefix'
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -l read-back -d 'Download everything again at the end to verify it'
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l listen -d 'Address to listen on: HOST:PORT, unix:/run/model-cache.sock for the admin, or systemd; may be repeated [default: 127.0.0.1:8090]' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l upstream -d 'Hub to mirror [default: HF_ENDPOINT, or https://huggingface.co]' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l max-size -d 'Maximum size of the store, such as 500GB; least recently used models are evicted first' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l host -d 'Another host name of this server, such as models.lan; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l refresh -d 'How long the commit of a branch is cached [default: 1m]' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l admin-token-file -d 'File with the admin token [default: a new one at each start, on loopback only]' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l tls-cert -d 'Serve https with this certificate chain (PEM)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l tls-key -d 'Serve https with this private key (PEM)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l insecure-public -d 'Allow listening on the network without access tokens'
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l assume-public -d 'While offline, serve models to everyone unless known to be private or gated'
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -s o -l output -d 'Bundle to write; - for stdout' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -l since -d 'Leave out files of this earlier bundle and its bases, which must be imported first' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -l sign -d 'Sign with this private key, from `keygen` or openssl' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -l zstd -d 'Compress the bundle; weights hardly shrink'
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -l verify-key -d 'Import only if this public key verifies the signature' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -l list -d 'List the contents, without importing them'
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand keygen" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand keygen" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand keygen" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand keygen" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand keygen" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand keygen" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand keygen" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand keygen" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand keygen" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -f -a "ls" -d 'List the files and why they failed'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -f -a "show" -d 'Show the details of one file'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -f -a "restore" -d 'Move a file back into the store, under its actual checksum'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -f -a "rm" -d 'Delete files from quarantine'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -l all -d 'Delete all files in quarantine'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from help" -f -a "ls" -d 'List the files and why they failed'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show the details of one file'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from help" -f -a "restore" -d 'Move a file back into the store, under its actual checksum'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from help" -f -a "rm" -d 'Delete files from quarantine'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -l shell -d 'Shell syntax; sh is also for bash and zsh [default: from $SHELL]' -r -f -a "sh\t''
fish\t''
powershell\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -l network -d 'Test the connection to a host step by step: proxy, DNS, TCP, TLS, HTTP, token'
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand stats" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand stats" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand stats" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand stats" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand stats" -l reset -d 'Reset the counters after printing them'
complete -c model-cache -n "__fish_model_cache_using_subcommand stats" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand stats" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand stats" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand stats" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand stats" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -f -a "show" -d 'Print settings, their values and where they are set'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -f -a "check" -d 'Check for mistakes, and exit with 2 if there are any'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -f -a "path" -d 'Print where configuration files are looked for'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -f -a "init" -d 'Print a configuration file with every key commented out'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from show" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from show" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from show" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from show" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from show" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from check" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from check" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from check" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from check" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from check" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from check" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from check" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from path" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from path" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from path" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from path" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from path" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from path" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from path" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from path" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from path" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from init" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from init" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from init" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from init" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from init" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from init" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from init" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from init" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print settings, their values and where they are set'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check for mistakes, and exit with 2 if there are any'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "path" -d 'Print where configuration files are looked for'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "init" -d 'Print a configuration file with every key commented out'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -f -a "new" -d 'Create a token for a user of `serve`, and print it once'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from new" -l read -d 'Models the user may read, such as \'org/*\' or \'datasets/org/*\'; may be repeated. `*` also matches `/`' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from new" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from new" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from new" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from new" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from new" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from new" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from new" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from new" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "new" -d 'Create a token for a user of `serve`, and print it once'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -l store -d 'Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -l config -d 'Use only this configuration file (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -l log-level -d 'Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -l log-format -d 'Format of log lines (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t''
json\t''"
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -l offline -d 'Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -l https-only -d 'Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -l json -d 'Print the answer as JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "get" -d 'Download models, verify them, and print their local path'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "adopt" -d 'Add models that Hugging Face, Ollama or LM Studio downloaded'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "ls" -d 'List the models in the store'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "info" -d 'Show a model\'s files and variants, and which are local'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "path" -d 'Print the local path of a model; never uses the network'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "verify" -d 'Check stored files against their checksums, and repair them'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "rm" -d 'Remove models from the store'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "gc" -d 'Free disk space: evict least recently used models, delete leftovers'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "pin" -d 'Protect models from eviction and removal'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "unpin" -d 'Remove the protection that `pin` gave'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "registry" -d 'Give models short names, with versions, platforms, fallbacks'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "lock" -d 'Write a lock file of commits and checksums, for `get --locked`'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "outdated" -d 'Show which local models have newer commits at their source'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "update" -d 'Download newer commits of models in the store'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "sync" -d 'Download a list of models, once or on a schedule'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "push" -d 'Upload a model to S3, Google Cloud Storage or Azure'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "serve" -d 'Serve the store as a Hugging Face Hub mirror'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "export" -d 'Write models into one file, for machines without a network'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "import" -d 'Add the models of a file that `export` wrote, all verified'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "keygen" -d 'Create a key pair for `export --sign`, `import --verify-key`'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "quarantine" -d 'Show, restore or delete files that failed verification'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "env" -d 'Print shell variables that make other programs use the store'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "doctor" -d 'Diagnose problems of the installation and the network'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "stats" -d 'Show cache hits, downloads, failures and disk use'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "config" -d 'Show and check the configuration'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "token" -d 'Create access tokens for users of `serve`'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "completions" -d 'Print shell completions'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "demo" -d 'Download, verify and repair a small model of a built-in hub'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from registry" -f -a "add" -d 'Add a name, or a version of a name'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from registry" -f -a "ls" -d 'List all names'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from registry" -f -a "show" -d 'Show the version that a name resolves to'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from registry" -f -a "rm" -d 'Remove names or versions of names; the models stay in the store'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from registry" -f -a "discover" -d 'Find models without a name: in the store, in a folder or on the Hub'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from registry" -f -a "import" -d 'Add all names from a file that `registry export` wrote, or none'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from registry" -f -a "export" -d 'Write all names as TOML'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from quarantine" -f -a "ls" -d 'List the files and why they failed'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from quarantine" -f -a "show" -d 'Show the details of one file'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from quarantine" -f -a "restore" -d 'Move a file back into the store, under its actual checksum'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from quarantine" -f -a "rm" -d 'Delete files from quarantine'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Print settings, their values and where they are set'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "check" -d 'Check for mistakes, and exit with 2 if there are any'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "path" -d 'Print where configuration files are looked for'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "init" -d 'Print a configuration file with every key commented out'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "new" -d 'Create a token for a user of `serve`, and print it once'
