# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_model_cache_global_optspecs
    string join \n store= offline json q/quiet h/help V/version
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
complete -c model-cache -n "__fish_model_cache_needs_command" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_needs_command" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_needs_command" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_needs_command" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_needs_command" -s V -l version -d 'Print version'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "get" -d 'Fetch models, verified, and print the path of the snapshot or of the one file'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "ls" -d 'List what the store holds'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "info" -d 'Show what a model consists of, and how much of it is here'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "path" -d 'Print the path of what is in the store; exit 3 if it is not. Never asks the network'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "verify" -d 'Read stored files again and compare them with their digests'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "rm" -d 'Remove models from the store'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "gc" -d 'Evict what was not used for long, and clear away what is left over'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "pin" -d 'Keep a model from being evicted or removed'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "unpin" -d 'Undo a pin'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "quarantine" -d 'Look at files that failed verification'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "env" -d 'Print shell lines that make other programs use this store'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "doctor" -d 'Find out what is wrong with this installation and how to mend it'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "completions" -d 'Print completions for a shell'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "demo" -d 'Show the whole job against a hub inside this program: no internet, a few seconds'
complete -c model-cache -n "__fish_model_cache_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l revision -d 'Branch, tag, refs/pr/N or commit' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l include -d 'Only files that match; may be repeated. `*` crosses folders, `folder/` means all in it' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l exclude -d 'No files that match; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l to -d 'Also place real files here, and print that path' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l sha256 -d 'The digest that the one wanted file must have' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l limit-rate -d 'The most that all transfers together may take, such as 50MB/s' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l jobs -d 'Files fetched side by side' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l hard-link -d 'With --to: hard links to the store will do where files cannot be cloned'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l require-digest -d 'Refuse files that come without a digest to check them against'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand get" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand ls" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -l revision -d 'Branch, tag, refs/pr/N or commit' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand info" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l revision -d 'Branch, tag, refs/pr/N or commit' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l include -d 'Only files that match; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l exclude -d 'No files that match; may be repeated' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand path" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l all -d 'Everything in the store'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l repair -d 'Fetch again what is broken: only the broken blocks, where the source can'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l quick -d 'Trust the record of an earlier check where the file was not touched since. Finds no bit rot'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand verify" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand rm" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l max-size -d 'Evict the least recently used until the store is no larger, such as 10GB' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l older-than -d 'Evict what was not used for this long, such as 30d' -r
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l files -d 'Evict single files rather than whole versions'
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l dry-run -d 'Say what would go and why, and change nothing'
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand gc" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand pin" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand unpin" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -f -a "ls" -d 'List the files and why they are here'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -f -a "show" -d 'Show all that is known of one'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -f -a "restore" -d 'Take one back into the store, under the digest that it really has'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -f -a "rm" -d 'Delete'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and not __fish_seen_subcommand_from ls show restore rm help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -l all -d 'All of them'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from help" -f -a "ls" -d 'List the files and why they are here'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show all that is known of one'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from help" -f -a "restore" -d 'Take one back into the store, under the digest that it really has'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from help" -f -a "rm" -d 'Delete'
complete -c model-cache -n "__fish_model_cache_using_subcommand quarantine; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -l shell -d 'The shell to write for [default: from $SHELL]' -r -f -a "sh\t'sh, bash, zsh, dash'
fish\t'fish'
powershell\t'PowerShell'"
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand env" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand completions" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -l store -d 'Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform\'s cache folder]' -r -f -a "(__fish_complete_directories)"
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -l offline -d 'Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1)'
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -l json -d 'Answer in JSON on stdout'
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -s q -l quiet -d 'No progress and no remarks on stderr, only errors'
complete -c model-cache -n "__fish_model_cache_using_subcommand demo" -s h -l help -d 'Print help'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get ls info path verify rm gc pin unpin quarantine env doctor completions demo help" -f -a "get" -d 'Fetch models, verified, and print the path of the snapshot or of the one file'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get ls info path verify rm gc pin unpin quarantine env doctor completions demo help" -f -a "ls" -d 'List what the store holds'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get ls info path verify rm gc pin unpin quarantine env doctor completions demo help" -f -a "info" -d 'Show what a model consists of, and how much of it is here'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get ls info path verify rm gc pin unpin quarantine env doctor completions demo help" -f -a "path" -d 'Print the path of what is in the store; exit 3 if it is not. Never asks the network'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get ls info path verify rm gc pin unpin quarantine env doctor completions demo help" -f -a "verify" -d 'Read stored files again and compare them with their digests'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get ls info path verify rm gc pin unpin quarantine env doctor completions demo help" -f -a "rm" -d 'Remove models from the store'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get ls info path verify rm gc pin unpin quarantine env doctor completions demo help" -f -a "gc" -d 'Evict what was not used for long, and clear away what is left over'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get ls info path verify rm gc pin unpin quarantine env doctor completions demo help" -f -a "pin" -d 'Keep a model from being evicted or removed'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get ls info path verify rm gc pin unpin quarantine env doctor completions demo help" -f -a "unpin" -d 'Undo a pin'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get ls info path verify rm gc pin unpin quarantine env doctor completions demo help" -f -a "quarantine" -d 'Look at files that failed verification'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get ls info path verify rm gc pin unpin quarantine env doctor completions demo help" -f -a "env" -d 'Print shell lines that make other programs use this store'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get ls info path verify rm gc pin unpin quarantine env doctor completions demo help" -f -a "doctor" -d 'Find out what is wrong with this installation and how to mend it'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get ls info path verify rm gc pin unpin quarantine env doctor completions demo help" -f -a "completions" -d 'Print completions for a shell'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get ls info path verify rm gc pin unpin quarantine env doctor completions demo help" -f -a "demo" -d 'Show the whole job against a hub inside this program: no internet, a few seconds'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and not __fish_seen_subcommand_from get ls info path verify rm gc pin unpin quarantine env doctor completions demo help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from quarantine" -f -a "ls" -d 'List the files and why they are here'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from quarantine" -f -a "show" -d 'Show all that is known of one'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from quarantine" -f -a "restore" -d 'Take one back into the store, under the digest that it really has'
complete -c model-cache -n "__fish_model_cache_using_subcommand help; and __fish_seen_subcommand_from quarantine" -f -a "rm" -d 'Delete'
