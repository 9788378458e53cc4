# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_model_cache_global_optspecs
    string join \n store= offline json q/quiet config= log-level= log-format= h/help V/version
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

complete -c model-cache -n "__fish_model_cache_needs_command" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_needs_command" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_needs_command" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_needs_command" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_needs_command" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_needs_command" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_needs_command" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_needs_command" -s V -l version -d 'Print version'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "get" -d 'Fetch models, verified, and print the path of the snapshot or of the one file'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "adopt" -d 'Take another program\'s models into the store without copying: Hugging Face, Ollama, LM Studio'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "ls" -d 'List what the store holds'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "info" -d 'Show what a model consists of, and how much of it is here'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "path" -d 'Print the path of what is in the store; exit 3 if it is not. Never asks the network'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "verify" -d 'Read stored files again and compare them with their digests'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "rm" -d 'Remove models from the store'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "gc" -d 'Evict what was not used for long, and clear away what is left over'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "pin" -d 'Keep a model from being evicted or removed'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "unpin" -d 'Undo a pin'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "registry" -d 'Give models names of your own, with versions, platforms and fallbacks'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "lock" -d 'Write down commits and digests of models, for `get --locked`'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "outdated" -d 'Show what has moved at its source since it was fetched'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "update" -d 'Fetch what has moved: the same files that are here of the old commit'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "sync" -d 'Mirror a list of models: fetch what is missing or has moved, once or on a schedule'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "push" -d 'Push a model into a bucket, each blob once, verified there'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "serve" -d 'Serve the store as a Hub, with a page to look at: HF_ENDPOINT=http://127.0.0.1:8090 uses it'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "export" -d 'Write models of the store into one file, for places without a network'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "import" -d 'Take the models of such a file into the store, all verified before anything shows'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "keygen" -d 'Make a pair of keys for `export --sign` and `import --verify-key`'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "quarantine" -d 'Look at files that failed verification'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "env" -d 'Print shell lines that make other programs use this store'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "doctor" -d 'Find out what is wrong with this installation and how to mend it'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "stats" -d 'Show what gets have done: hits, bytes by source, rates, failures, and the disk by model'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "config" -d 'Show and check the configuration'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "token" -d 'Make tokens for users of the mirror'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "completions" -d 'Print completions for a shell'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "demo" -d 'Show the whole job against a hub inside this program: no internet, a few seconds'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l from -d 'Also get what this file lists, `-` for stdin: a line is REF [revision=R] [sha256=D] [include=GLOB] [exclude=GLOB] [to=DIR] [priority=N], and # begins a comment. What a line says counts instead of the options' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l priority -d 'How soon it is wanted: of several, the higher begins first' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l locked -d 'Exactly what this lock file says, or fail; all that is in it when no REF is given' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l revision -d 'Branch, tag, refs/pr/N or commit' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l include -d 'Only files that match; may be repeated. `*` crosses folders, `folder/` means all in it' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l exclude -d 'No files that match; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l to -d 'Also place real files here, and print that path' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l sha256 -d 'The digest that the one wanted file must have' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l sha256-compressed -d 'The digest that the one wanted file must have as it is transferred, compressed; --sha256 is of the plain file' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l limit-rate -d 'The most that all transfers together may take, such as 50MB/s' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l mirror -d 'Another place for the files: https://mirror.example, s3://bucket/{model}, https://host/{model} or a folder; may be repeated. `{model}` stands for org/name. It need not be trusted: what it sends is checked' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l jobs -d 'Files fetched side by side' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l fallback -d 'What to take when it is absent, fails, or does not fit: variants (Q4_K_S,Q3_K_M), a policy (smaller, fits-disk, fits-memory:8GB), or another place of the file (https://host/file#sha256=DIGEST&size=BYTES); may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l with -d 'Also take files that belong to it: mmproj, or a glob; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l hard-link -d 'With --to: hard links to the store will do where files cannot be cloned'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l require-digest -d 'Refuse files that come without a digest to check them against'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l keep-compressed -d 'Store a .gz, .zst, .xz or .bz2 behind a URL as it is; otherwise it is decompressed on its way'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -l kind -d 'Whose folder it is: hf, ollama or lmstudio [default: found out by looking]' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -l copy -d 'Copy files that cannot be shared with the store, such as those on another disk'
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -l dry-run -d 'Say what would be adopted, and change nothing. Digests are not checked'
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand adopt" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -l revision -d 'Branch, tag, refs/pr/N or commit' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l revision -d 'Branch, tag, refs/pr/N or commit' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l include -d 'Only files that match; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l exclude -d 'No files that match; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l all -d 'Everything in the store'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l repair -d 'Fetch again what is broken: only the broken blocks, where the source can'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l quick -d 'Trust the record of an earlier check where the file was not touched since. Finds no bit rot'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l max-size -d 'Evict the least recently used until the store is no larger, such as 10GB' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l older-than -d 'Evict what was not used for this long, such as 30d' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l files -d 'Evict single files rather than whole versions'
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l dry-run -d 'Say what would go and why, and change nothing'
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -f -a "add" -d 'Give a model a name, or a name another version'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -f -a "ls" -d 'List the names'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -f -a "show" -d 'Show what a name means, and which of its versions is meant'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -f -a "rm" -d 'Remove names, or single versions (NAME@1.2.0). The models stay in the store'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -f -a "discover" -d 'Find models that have no name yet: in the store, below DIR, or on the Hub'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -f -a "import" -d 'Take in names from a file that `export` wrote; all of them, or none'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -f -a "export" -d 'Write all names as TOML'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and not __fish_seen_subcommand_from add ls show rm discover import export help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l version -d 'The version of the name, as in semver [default: 1.0.0 for a new name]' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l digest -d 'What the one file must be, or PATH=DIGEST for a file of several; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l platform -d 'Only on such machines: any, linux, x86_64, macos-aarch64, avx2, cuda …; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l fallback -d 'What to take if it is not to be had: a REF, or :Q5_K_M for another quantisation; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l tag -d 'A moving name of this version, such as stable; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l pin -d 'Ask the source now, and hold the name at this commit and these digests'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l replace -d 'Replace the version if it is there'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from ls" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from ls" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from ls" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from ls" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from ls" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from ls" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from show" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from show" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from show" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from show" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from show" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from show" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from rm" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from rm" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from rm" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from rm" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from rm" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from rm" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l author -d 'Models of this user or organisation on the Hub' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l search -d 'Models on the Hub with these words in their names' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l limit -d 'The most to ask the Hub for' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l add -d 'Register what is found, under the names shown'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from discover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from import" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from import" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from import" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from import" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from import" -l replace -d 'Replace versions that are registered as something else'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from import" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from import" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from import" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from export" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from export" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from export" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from export" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from export" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from export" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from export" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from help" -f -a "add" -d 'Give a model a name, or a name another version'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from help" -f -a "ls" -d 'List the names'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show what a name means, and which of its versions is meant'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from help" -f -a "rm" -d 'Remove names, or single versions (NAME@1.2.0). The models stay in the store'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from help" -f -a "discover" -d 'Find models that have no name yet: in the store, below DIR, or on the Hub'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from help" -f -a "import" -d 'Take in names from a file that `export` wrote; all of them, or none'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write all names as TOML'
complete -c model-cache -n "__fish_model_cache_using_subcommand registry; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand lock" -l from -d 'Lock the models in this file, one on a line, and no others; `#` begins a remark' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand lock" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand lock" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand lock" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand lock" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand lock" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand lock" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand lock" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand lock" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand outdated" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand outdated" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand outdated" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand outdated" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand outdated" -l exit-code -d 'Exit with 1 if anything has moved'
complete -c model-cache -n "__fish_model_cache_using_subcommand outdated" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand outdated" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand outdated" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand outdated" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -l dry-run -d 'Say what would be fetched, and fetch nothing'
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand update" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l ref -d 'A model instead of a list; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l schedule -d 'Stay, and sync at these times: minute, hour, day of month, month, day of week, in local time' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l prune -d 'Remove what earlier syncs of this list have brought and is no longer on it. Pinned models stay'
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l dry-run -d 'Ask the sources, and say what would be fetched and removed'
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand sync" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -l revision -d 'Branch, tag or commit to push; a branch or tag is also its name in the bucket' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -l as-files -d 'Objects under the names of the files, for other tools, instead of blobs: one version a prefix'
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -l read-back -d 'Read everything back in the end, whatever checksums the server keeps'
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand push" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l listen -d 'Where to listen: 127.0.0.1:8090, [::1]:8090, unix:/run/model-cache.sock for the admin, or systemd; may be repeated [default: 127.0.0.1:8090]' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l upstream -d 'The Hub behind this mirror [default: HF_ENDPOINT, else https://huggingface.co]' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l max-size -d 'The most that all files may take up; what was not used for longest goes first' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l host -d 'Another name under which this server may be asked, such as models.lan; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l refresh -d 'How long a branch keeps its commit before upstream is asked again [default: 1m]' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l admin-token-file -d 'File with the admin\'s token. Without one it is made at each start, when only this machine can ask' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l tls-cert -d 'Speak https: the certificate chain in PEM' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l tls-key -d 'Speak https: the private key in PEM' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l insecure-public -d 'Listen where others can reach it although nobody has to show a token'
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -s o -l output -d 'The bundle to write; - for stdout' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -l since -d 'Leave out what this earlier bundle carries, or those it builds on. They have to be imported first' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -l sign -d 'Sign it with this private key, as `keygen` or openssl made it' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -l zstd -d 'Compress it. Weights hardly shrink'
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -l verify-key -d 'Take it only if the private key to this public one has signed it' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -l list -d 'Say what is in it, and change nothing'
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand keygen" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand keygen" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand keygen" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand keygen" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand keygen" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand keygen" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand keygen" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand keygen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -f -a "ls" -d 'List the files and why they are here'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -f -a "show" -d 'Show all that is known of one'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -f -a "restore" -d 'Take one back into the store, under the digest that it really has'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -f -a "rm" -d 'Delete'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -l all -d 'All of them'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from help" -f -a "ls" -d 'List the files and why they are here'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show all that is known of one'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from help" -f -a "restore" -d 'Take one back into the store, under the digest that it really has'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from help" -f -a "rm" -d 'Delete'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -l shell -d 'The shell to write for [default: from $SHELL]' -r -f -a "sh\t'sh, bash, zsh, dash'
fish\t'fish'
powershell\t'PowerShell'"
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -l network -d 'Go the way to a host step by step: proxy, name, connection, TLS, answer, token'
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand stats" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand stats" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand stats" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand stats" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand stats" -l reset -d 'Begin to count anew'
complete -c model-cache -n "__fish_model_cache_using_subcommand stats" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand stats" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand stats" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand stats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -f -a "show" -d 'Print each setting, its value and where it comes from'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -f -a "check" -d 'Name all mistakes, with their lines and what would be right; exit 2 if there are any'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -f -a "path" -d 'Print which configuration files are looked for, and which are there'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -f -a "init" -d 'Print a configuration file to begin with, everything in it commented out'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and not __fish_seen_subcommand_from show check path init help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from show" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from show" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from show" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from show" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from check" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from check" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from check" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from check" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from check" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from check" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from check" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from path" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from path" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from path" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from path" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from path" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from path" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from path" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from path" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from init" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from init" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from init" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from init" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from init" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from init" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from init" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print each setting, its value and where it comes from'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "check" -d 'Name all mistakes, with their lines and what would be right; exit 2 if there are any'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "path" -d 'Print which configuration files are looked for, and which are there'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "init" -d 'Print a configuration file to begin with, everything in it commented out'
complete -c model-cache -n "__fish_model_cache_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -f -a "new" -d 'Make a token for a user of `serve`, and print it, once. What stands for it in the configuration goes to stderr'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and not __fish_seen_subcommand_from new help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from new" -l read -d 'What the user may read, such as \'org/*\' or \'datasets/org/*\'; may be repeated. `*` also crosses `/`' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from new" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from new" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from new" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from new" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from new" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from new" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from new" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "new" -d 'Make a token for a user of `serve`, and print it, once. What stands for it in the configuration goes to stderr'
complete -c model-cache -n "__fish_model_cache_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -l config -d 'Read this configuration file and no other (also MODEL_CACHE_CONFIG)' -r -F
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -l log-level -d 'Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG)' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -l log-format -d 'How a line of the log looks (also MODEL_CACHE_LOG_FORMAT)' -r -f -a "text\t'For people'
json\t'One JSON object a line'"
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "get" -d 'Fetch models, verified, and print the path of the snapshot or of the one file'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "adopt" -d 'Take another program\'s models into the store without copying: Hugging Face, Ollama, LM Studio'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "ls" -d 'List what the store holds'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "info" -d 'Show what a model consists of, and how much of it is here'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "path" -d 'Print the path of what is in the store; exit 3 if it is not. Never asks the network'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "verify" -d 'Read stored files again and compare them with their digests'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "rm" -d 'Remove models from the store'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "gc" -d 'Evict what was not used for long, and clear away what is left over'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "pin" -d 'Keep a model from being evicted or removed'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "unpin" -d 'Undo a pin'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "registry" -d 'Give models names of your own, with versions, platforms and fallbacks'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "lock" -d 'Write down commits and digests of models, for `get --locked`'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "outdated" -d 'Show what has moved at its source since it was fetched'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "update" -d 'Fetch what has moved: the same files that are here of the old commit'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "sync" -d 'Mirror a list of models: fetch what is missing or has moved, once or on a schedule'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "push" -d 'Push a model into a bucket, each blob once, verified there'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "serve" -d 'Serve the store as a Hub, with a page to look at: HF_ENDPOINT=http://127.0.0.1:8090 uses it'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "export" -d 'Write models of the store into one file, for places without a network'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "import" -d 'Take the models of such a file into the store, all verified before anything shows'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "keygen" -d 'Make a pair of keys for `export --sign` and `import --verify-key`'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "quarantine" -d 'Look at files that failed verification'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "env" -d 'Print shell lines that make other programs use this store'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "doctor" -d 'Find out what is wrong with this installation and how to mend it'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "stats" -d 'Show what gets have done: hits, bytes by source, rates, failures, and the disk by model'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "config" -d 'Show and check the configuration'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "token" -d 'Make tokens for users of the mirror'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "completions" -d 'Print completions for a shell'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "demo" -d 'Show the whole job against a hub inside this program: no internet, a few seconds'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get adopt ls info path verify rm gc pin unpin registry lock outdated update sync push serve export import keygen quarantine env doctor stats config token completions demo help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from registry" -f -a "add" -d 'Give a model a name, or a name another version'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from registry" -f -a "ls" -d 'List the names'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from registry" -f -a "show" -d 'Show what a name means, and which of its versions is meant'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from registry" -f -a "rm" -d 'Remove names, or single versions (NAME@1.2.0). The models stay in the store'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from registry" -f -a "discover" -d 'Find models that have no name yet: in the store, below DIR, or on the Hub'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from registry" -f -a "import" -d 'Take in names from a file that `export` wrote; all of them, or none'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from registry" -f -a "export" -d 'Write all names as TOML'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from quarantine" -f -a "ls" -d 'List the files and why they are here'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from quarantine" -f -a "show" -d 'Show all that is known of one'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from quarantine" -f -a "restore" -d 'Take one back into the store, under the digest that it really has'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from quarantine" -f -a "rm" -d 'Delete'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Print each setting, its value and where it comes from'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "check" -d 'Name all mistakes, with their lines and what would be right; exit 2 if there are any'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "path" -d 'Print which configuration files are looked for, and which are there'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "init" -d 'Print a configuration file to begin with, everything in it commented out'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "new" -d 'Make a token for a user of `serve`, and print it, once. What stands for it in the configuration goes to stderr'
