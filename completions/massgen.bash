# bash completion for massgen(1)

_massgen()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local options="--config --question-file --automation --json
	    --no-display --dry-run --backend --model --system-message
	    --base-url --orchestrator-timeout --agent-timeout --max-cost
	    --log-root --output -o --no-logs --debug --validate --strict
	    --list-examples --example --version --help"
	local backends="azure_openai cerebras chatcompletion claude command deepseek fireworks gemini grok groq llamacpp lmstudio mock moonshot nebius ollama openai openrouter poe qwen sglang together vllm zai"

	COMPREPLY=()
	case $prev in
	--config | --validate)
		if [[ $cur == @* ]]; then
			mapfile -t COMPREPLY < <(compgen -W \
			    "$(massgen --list-examples 2>/dev/null |
			    sed 's,^,@examples/,')" -- "$cur")
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi
		return ;;
	--example)
		mapfile -t COMPREPLY < <(compgen \
		    -W "$(massgen --list-examples 2>/dev/null)" -- "$cur")
		return ;;
	--backend)
		mapfile -t COMPREPLY < <(compgen -W "$backends" -- "$cur")
		return ;;
	--question-file | --output | -o)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return ;;
	--log-root | gc)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return ;;
	--model | --system-message | --base-url | --orchestrator-timeout | \
	    --agent-timeout | --max-cost)
		return ;;
	esac
	if ((COMP_CWORD == 1)) && [[ -n $cur && gc == "$cur"* ]]; then
		COMPREPLY=(gc)
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
	fi
}

complete -o filenames -F _massgen massgen
