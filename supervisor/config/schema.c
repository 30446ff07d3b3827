/*
 * The tables.  Which keys are KEY_REFUSED rather than KEY_IGNORED is a
 * judgement: memories, media and tools in other languages that are not there
 * can only be missed, and a warning says so; a wall that is not there (the
 * permission modes and tool filters of another program, addresses that are
 * to be looked up) would be believed in.  `mild` names the values of such a
 * key that ask for no wall.
 */

#include "supervisor/config/schema.h"

#define DAYS(n) ((n)*86400.0)
#define BIG     1e15

static const char *const levels[] = { "lenient", "balanced", "strict", NULL };
static const char *const displays[] = { "rich_terminal", "simple", "terminal",
	"silent", NULL };
static const char *const plain_displays[] = { "simple", "terminal", "silent",
	NULL };
static const char *const permissions[] = { "read", "write", NULL };
static const char *const permission_modes[] = { "acceptEdits",
	"bypassPermissions", "default", "plan", NULL };
static const char *const no_permission_mode[] = { "bypassPermissions", NULL };
static const char *const execution_modes[] = { "local", "docker", NULL };
static const char *const networks[] = { "none", "host", NULL };
static const char *const docker_networks[] = { "none", "bridge", "host", NULL };
static const char *const sandboxes[] = { "auto", "required", "off", NULL };
static const char *const security_levels[] = { "strict", "moderate",
	"permissive", "high", NULL };
static const char *const list_modes[] = { "denylist", "allowlist", NULL };
static const char *const dspy_strategies[] = { "balanced", "diverse",
	"conservative", "adaptive", NULL };
static const char *const qdrant_modes[] = { "local", "server", NULL };
static const char *const outputs[] = { "text", "jsonl", NULL };
static const char *const faults[] = { "hang", "hang_ignore_term", "crash",
	"exit", "garbage", "half_line", "flood", "invalid_utf8", "nul",
	"huge_line", "close_output", "stop", NULL };
static const char *const signals[] = { "ABRT", "ALRM", "BUS", "FPE", "HUP",
	"ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "SYS", "TERM", "TRAP",
	"USR1", "USR2", "XCPU", "XFSZ", NULL };

const char *const schema_v1_keys[] = { "models", "model_configs", "num_agents",
	"max_rounds", "consensus_threshold", "voting_enabled", "enable_voting",
	NULL };

/* clang-format off */

#define SUPPORTED(key, type, ...) \
	{ .name = key, .status = KEY_SUPPORTED, .types = type, __VA_ARGS__ }
#define PASSED(key, type, ...) \
	{ .name = key, .status = KEY_PASSED, .types = type, __VA_ARGS__ }
#define IGNORED(key, type, ...) \
	{ .name = key, .status = KEY_IGNORED, .types = type, __VA_ARGS__ }
#define REFUSED(key, type, ...) \
	{ .name = key, .status = KEY_REFUSED, .types = type, __VA_ARGS__ }
#define RANGE(low, high, text) .min = (low), .max = (high), .want = (text)
#define POSITIVE_INT TYPE_INT, RANGE(1, BIG, "a positive integer")
#define COUNT TYPE_INT, RANGE(0, BIG, "a non-negative integer")
#define SECONDS TYPE_NUMBER, RANGE(0.001, DAYS(365), \
	"a positive number of seconds, at most a year")
#define DOLLARS TYPE_NUMBER, RANGE(1e-9, BIG, "a positive number")
#define SHARE TYPE_NUMBER, RANGE(0, 1, "a number between 0 and 1")
#define STRINGS TYPE_LIST, .item_types = TYPE_STR
#define RAW .raw = true
/* Without quotes YAML takes "off" for a boolean. */
#define SANDBOX \
	SUPPORTED("sandbox", TYPE_STR | TYPE_BOOL, .words = sandboxes, \
	    .want = "'auto', 'required' or 'off'")
#define SIZE TYPE_STR | TYPE_INT, RANGE(1, BIG, \
	"a number of bytes, or one with k, m or g behind it")
#define END { .name = NULL }

static const struct key context_path_keys[] = {
	SUPPORTED("path", TYPE_STR, .required = true),
	SUPPORTED("permission", TYPE_STR, .words = permissions),
	SUPPORTED("protected_paths", STRINGS),
	END
};
static const struct place context_path = {
	"context_paths entry ", "context_paths entry missing",
	context_path_keys, " field"
};
#define CONTEXT_PATHS \
	SUPPORTED("context_paths", TYPE_LIST, RAW, .item_types = TYPE_MAP, \
	    .inner = &context_path)

#define MCP_ERROR "MCP configuration error: "
#define MCP_SECONDS TYPE_NUMBER, RANGE(0.001, 300, \
	"a positive number of seconds up to 300")

static const struct key security_env_keys[] = {
	SUPPORTED("level", TYPE_STR, .words = security_levels),
	SUPPORTED("mode", TYPE_STR, .words = list_modes),
	SUPPORTED("allowed_vars", STRINGS),
	SUPPORTED("denied_vars", STRINGS),
	END
};
static const struct place security_env = {
	MCP_ERROR, MCP_ERROR "missing", security_env_keys, NULL
};
static const struct key security_keys[] = {
	SUPPORTED("level", TYPE_STR, .words = security_levels),
	SUPPORTED("allowed_executables", STRINGS),
	SUPPORTED("env", TYPE_MAP, .inner = &security_env),
	SUPPORTED("allow_localhost", TYPE_BOOL),
	SUPPORTED("allow_private_ips", TYPE_BOOL),
	SUPPORTED("allowed_hostnames", STRINGS),
	REFUSED("resolve_dns", TYPE_BOOL),
	END
};
static const struct place security = {
	MCP_ERROR, MCP_ERROR "missing", security_keys, NULL
};

static const struct key mcp_server_keys[] = {
	SUPPORTED("name", TYPE_STR),
	SUPPORTED("type", TYPE_STR),
	SUPPORTED("command", TYPE_STR | TYPE_LIST, .item_types = TYPE_STR),
	SUPPORTED("args", STRINGS),
	SUPPORTED("env", TYPE_MAP),
	SUPPORTED("cwd", TYPE_STR),
	SUPPORTED("network", TYPE_STR, .words = networks),
	SUPPORTED("url", TYPE_STR),
	SUPPORTED("headers", TYPE_MAP),
	SUPPORTED("timeout", MCP_SECONDS),
	SUPPORTED("http_read_timeout", MCP_SECONDS),
	SUPPORTED("allowed_tools", STRINGS),
	SUPPORTED("exclude_tools", STRINGS),
	SUPPORTED("security", TYPE_MAP, .inner = &security),
	END
};
static const struct place mcp_server = {
	MCP_ERROR, MCP_ERROR "missing", mcp_server_keys, NULL
};

static const struct key custom_tool_keys[] = {
	IGNORED("name", TYPE_STR | TYPE_LIST),
	IGNORED("function", TYPE_STR | TYPE_LIST),
	IGNORED("path", TYPE_STR),
	IGNORED("category", TYPE_STR),
	IGNORED("description", TYPE_STR | TYPE_LIST),
	IGNORED("preset_args", TYPE_MAP | TYPE_LIST),
	END
};
static const struct place custom_tool = {
	"custom_tools entry ", "custom_tools entry missing", custom_tool_keys, NULL
};

static const struct key model_profile_keys[] = {
	SUPPORTED("planning", TYPE_STR),
	SUPPORTED("synthesis", TYPE_STR),
	SUPPORTED("default", TYPE_STR),
	END
};
static const struct place model_profile = {
	"model_profile ", "model_profile missing", model_profile_keys, NULL
};

/* Paths to what a program's JSON tells: massgen.yaml(5), PROGRAMS. */
static const struct key output_fields_keys[] = {
	SUPPORTED("text", TYPE_STR),
	SUPPORTED("error", TYPE_STR),
	SUPPORTED("cost", TYPE_STR),
	SUPPORTED("input_tokens", TYPE_STR),
	SUPPORTED("cached_input_tokens", TYPE_STR),
	SUPPORTED("cache_write_tokens", TYPE_STR),
	SUPPORTED("output_tokens", TYPE_STR),
	SUPPORTED("reasoning_tokens", TYPE_STR),
	END
};
static const struct place output_fields = {
	"output_fields ", "output_fields missing", output_fields_keys, NULL
};

static const struct key backend_keys[] = {
	SUPPORTED("type", TYPE_STR, .required = true),
	SUPPORTED("model", TYPE_STR),
	SUPPORTED("model_profile", TYPE_MAP, .inner = &model_profile),
	SUPPORTED("fallback_models", STRINGS),
	SUPPORTED("planning_call", TYPE_BOOL),
	SUPPORTED("api_key", TYPE_STR),
	SUPPORTED("base_url", TYPE_STR),
	SUPPORTED("max_cost_usd", DOLLARS),
	SUPPORTED("script", TYPE_LIST, RAW),
	SUPPORTED("command", STRINGS),
	SUPPORTED("env", TYPE_MAP),
	SUPPORTED("cwd", TYPE_STR),
	SUPPORTED("output", TYPE_STR, .words = outputs),
	SUPPORTED("output_fields", TYPE_MAP, .inner = &output_fields),

	PASSED("temperature", TYPE_NUMBER, RANGE(0, 100,
	    "a non-negative number")),
	PASSED("max_tokens", POSITIVE_INT),
	PASSED("max_completion_tokens", POSITIVE_INT),
	PASSED("top_p", SHARE),
	PASSED("min_p", SHARE),
	PASSED("top_k", TYPE_INT, RANGE(-1, BIG, "an integer from -1")),
	PASSED("stop", TYPE_STR | TYPE_LIST),
	PASSED("seed", TYPE_INT),
	PASSED("presence_penalty", TYPE_NUMBER),
	PASSED("frequency_penalty", TYPE_NUMBER),
	PASSED("repetition_penalty", TYPE_NUMBER),
	PASSED("logit_bias", TYPE_MAP),
	PASSED("logprobs", TYPE_BOOL),
	PASSED("top_logprobs", COUNT),
	PASSED("reasoning", TYPE_MAP),
	PASSED("reasoning_effort", TYPE_STR),
	PASSED("reasoning_format", TYPE_STR),
	PASSED("thinking", TYPE_MAP),
	PASSED("enable_thinking", TYPE_BOOL),
	PASSED("thinking_budget", COUNT),
	PASSED("chat_template_kwargs", TYPE_MAP),
	PASSED("verbosity", TYPE_STR),
	PASSED("text", TYPE_MAP),
	PASSED("parallel_tool_calls", TYPE_BOOL),
	PASSED("tool_choice", TYPE_STR | TYPE_MAP),
	PASSED("response_format", TYPE_MAP),
	PASSED("service_tier", TYPE_STR),
	PASSED("user", TYPE_STR),
	PASSED("metadata", TYPE_MAP),
	PASSED("store", TYPE_BOOL),
	PASSED("prompt_cache_key", TYPE_STR),
	PASSED("safety_identifier", TYPE_STR),
	PASSED("extra_body", TYPE_MAP),
	PASSED("betas", TYPE_LIST),
	PASSED("models", TYPE_LIST),
	PASSED("plugins", TYPE_LIST),
	PASSED("transforms", TYPE_LIST),

	SUPPORTED("mcp_servers", TYPE_LIST | TYPE_MAP, RAW,
	    .inner = &mcp_server, .item_types = TYPE_MAP, .by_name = true,
	    .title = MCP_ERROR "'mcp_servers'",
	    .item_title = MCP_ERROR "a server"),
	SUPPORTED("allowed_tools", STRINGS),
	SUPPORTED("exclude_tools", STRINGS),
	SANDBOX,
	REFUSED("disallowed_tools", STRINGS),
	REFUSED("permission_mode", TYPE_STR, .words = permission_modes,
	    .mild = no_permission_mode),
	PASSED("enable_web_search", TYPE_BOOL),
	PASSED("enable_code_execution", TYPE_BOOL),
	PASSED("enable_code_interpreter", TYPE_BOOL),
	IGNORED("enable_image_generation", TYPE_BOOL),
	IGNORED("enable_audio_generation", TYPE_BOOL),
	IGNORED("enable_video_generation", TYPE_BOOL),
	IGNORED("enable_file_generation", TYPE_BOOL),
	IGNORED("custom_tools", TYPE_LIST, .item_types = TYPE_MAP,
	    .inner = &custom_tool),
	IGNORED("upload_files", TYPE_LIST, .item_types = TYPE_MAP),
	IGNORED("media_max_file_size_mb", POSITIVE_INT),
	SUPPORTED("enable_mcp_command_line", TYPE_BOOL),
	SUPPORTED("command_line_allowed_commands", STRINGS, RAW),
	SUPPORTED("command_line_blocked_commands", STRINGS, RAW),
	SUPPORTED("command_line_execution_mode", TYPE_STR,
	    .words = execution_modes),
	SUPPORTED("command_line_network", TYPE_STR, .words = networks),
	SUPPORTED("command_line_pass_env", STRINGS, RAW),
	SUPPORTED("command_line_timeout", TYPE_NUMBER, RANGE(0.05, DAYS(1),
	    "a number of seconds from 0.05 to 86400")),
	SUPPORTED("command_line_memory_limit", SIZE),
	SUPPORTED("command_line_max_processes", POSITIVE_INT),
	SUPPORTED("command_line_max_file_size", SIZE),
	SUPPORTED("command_line_cpu_seconds", POSITIVE_INT),
	SUPPORTED("command_line_docker_image", TYPE_STR),
	SUPPORTED("command_line_docker_memory_limit", TYPE_STR),
	SUPPORTED("command_line_docker_cpu_limit", TYPE_NUMBER,
	    RANGE(1e-3, BIG, "a positive number")),
	SUPPORTED("command_line_docker_network_mode", TYPE_STR,
	    .words = docker_networks),
	SUPPORTED("command_line_docker_enable_sudo", TYPE_BOOL),
	IGNORED("command_line_docker_credentials", TYPE_MAP),
	IGNORED("command_line_docker_packages", TYPE_MAP),
	CONTEXT_PATHS,
	IGNORED("context_write_access_enabled", TYPE_BOOL),
	IGNORED("agent_config", TYPE_MAP),
	IGNORED("group_config", TYPE_MAP),
	IGNORED("max_mcp_message_history", POSITIVE_INT),
	IGNORED("provider", TYPE_STR | TYPE_MAP),
	IGNORED("provider_name", TYPE_STR),
	IGNORED("azure_endpoint", TYPE_STR),
	IGNORED("azure_deployment", TYPE_STR),
	IGNORED("api_version", TYPE_STR),
	IGNORED("enable_rate_limit", TYPE_BOOL),
	END
};
const struct place schema_backend = {
	"Backend ", "Backend missing required field", backend_keys, NULL
};

static const struct key conversation_memory_keys[] = {
	IGNORED("enabled", TYPE_BOOL),
	END
};
static const struct place conversation_memory = {
	"conversation_memory ", "conversation_memory missing",
	conversation_memory_keys, NULL
};
static const struct key memory_model_keys[] = {
	IGNORED("provider", TYPE_STR),
	IGNORED("model", TYPE_STR),
	END
};
static const struct place memory_model = {
	"memory ", "memory missing", memory_model_keys, NULL
};
static const struct key qdrant_keys[] = {
	IGNORED("mode", TYPE_STR, .words = qdrant_modes,
	    .label = "qdrant mode"),
	IGNORED("host", TYPE_STR),
	IGNORED("port", TYPE_INT, RANGE(1, 65535,
	    "a valid port number (1-65535)")),
	IGNORED("path", TYPE_STR),
	END
};
static const struct place qdrant = {
	"qdrant ", "qdrant missing", qdrant_keys, NULL
};
static const struct key persistent_memory_keys[] = {
	IGNORED("enabled", TYPE_BOOL),
	IGNORED("on_disk", TYPE_BOOL),
	IGNORED("path", TYPE_STR),
	IGNORED("session_name", TYPE_STR),
	IGNORED("agent_name", TYPE_STR),
	IGNORED("vector_store", TYPE_STR),
	IGNORED("llm", TYPE_MAP, .inner = &memory_model),
	IGNORED("embedding", TYPE_MAP, .inner = &memory_model),
	IGNORED("qdrant", TYPE_MAP, .inner = &qdrant),
	END
};
static const struct place persistent_memory = {
	"persistent_memory ", "persistent_memory missing",
	persistent_memory_keys, NULL
};
static const struct key compression_keys[] = {
	IGNORED("trigger_threshold", SHARE),
	IGNORED("target_ratio", SHARE),
	END
};
static const struct place compression = {
	"compression ", "compression missing", compression_keys, NULL
};
static const struct key retrieval_keys[] = {
	IGNORED("limit", POSITIVE_INT),
	IGNORED("exclude_recent", TYPE_BOOL),
	END
};
static const struct place retrieval = {
	"retrieval ", "retrieval missing", retrieval_keys, NULL
};
static const struct key recording_keys[] = {
	IGNORED("record_all_tool_calls", TYPE_BOOL),
	IGNORED("record_reasoning", TYPE_BOOL),
	END
};
static const struct place recording = {
	"recording ", "recording missing", recording_keys, NULL
};
static const struct key memory_keys[] = {
	IGNORED("enabled", TYPE_BOOL),
	IGNORED("conversation_memory", TYPE_MAP, .inner = &conversation_memory),
	IGNORED("persistent_memory", TYPE_MAP, .inner = &persistent_memory),
	IGNORED("compression", TYPE_MAP, .inner = &compression),
	IGNORED("retrieval", TYPE_MAP, .inner = &retrieval),
	IGNORED("recording", TYPE_MAP, .inner = &recording),
	END
};
static const struct place memory = {
	"memory ", "memory missing", memory_keys, NULL
};

static const struct key agent_keys[] = {
	SUPPORTED("id", TYPE_STR, .required = true),
	SUPPORTED("backend", TYPE_MAP, .inner = &schema_backend, .required = true,
	    .title = "Backend"),
	SUPPORTED("system_message", TYPE_STR),
	IGNORED("memory", TYPE_MAP, .inner = &memory),
	END
};
static const struct place agent = {
	"Agent ", "Agent missing required field", agent_keys, NULL
};

static const struct key coordination_keys[] = {
	SUPPORTED("enable_planning_mode", TYPE_BOOL),
	SUPPORTED("planning_mode_instruction", TYPE_STR),
	SUPPORTED("max_orchestration_restarts", TYPE_INT, RANGE(0, 1000,
	    "a non-negative integer up to 1000")),
	SUPPORTED("enable_agent_task_planning", TYPE_BOOL),
	SUPPORTED("max_tasks_per_plan", TYPE_INT, RANGE(1, 10000,
	    "a positive integer up to 10000")),
	SUPPORTED("task_planning_filesystem_mode", TYPE_BOOL),
	IGNORED("enable_memory_filesystem_mode", TYPE_BOOL),
	IGNORED("use_skills", TYPE_BOOL),
	IGNORED("massgen_skills", STRINGS),
	IGNORED("skills_directory", TYPE_STR),
	END
};
static const struct place coordination = {
	"", "coordination missing", coordination_keys, NULL
};

static const struct key timeout_keys[] = {
	SUPPORTED("orchestrator_timeout_seconds", SECONDS),
	SUPPORTED("agent_timeout_seconds", SECONDS),
	SUPPORTED("agent_idle_timeout_seconds", SECONDS),
	END
};
static const struct place timeouts = {
	"", "timeout missing", timeout_keys, NULL
};

static const struct key dspy_keys[] = {
	IGNORED("enabled", TYPE_BOOL),
	IGNORED("backend", TYPE_MAP),
	IGNORED("num_variants", POSITIVE_INT),
	IGNORED("strategy", TYPE_STR, .words = dspy_strategies),
	IGNORED("cache_enabled", TYPE_BOOL),
	IGNORED("semantic_threshold", SHARE),
	IGNORED("temperature_range", TYPE_LIST, .item_types = TYPE_NUMBER),
	IGNORED("use_chain_of_thought", TYPE_BOOL),
	IGNORED("validate_semantics", TYPE_BOOL),
	END
};
static const struct place dspy = { "dspy ", "dspy missing", dspy_keys, NULL };

static const struct key orchestrator_keys[] = {
	SUPPORTED("voting_sensitivity", TYPE_STR, .words = levels),
	SUPPORTED("answer_novelty_requirement", TYPE_STR, .words = levels),
	SUPPORTED("max_new_answers_per_agent", TYPE_INT, RANGE(1, 1e6,
	    "a positive integer or null")),
	SUPPORTED("max_restarts_per_agent", TYPE_INT, RANGE(0, 1000,
	    "a non-negative integer up to 1000")),
	SUPPORTED("max_cost_usd", DOLLARS),
	SUPPORTED("worker_launcher", STRINGS),
	SUPPORTED("timeout", TYPE_MAP, .inner = &timeouts),
	SUPPORTED("coordination", TYPE_MAP, .inner = &coordination),
	SUPPORTED("max_nesting_depth", TYPE_INT, RANGE(0, 16,
	    "an integer from 0 to 16")),
	SUPPORTED("max_nested_runs", TYPE_INT, RANGE(0, 1000,
	    "a non-negative integer up to 1000")),
	SANDBOX,
	SUPPORTED("snapshot_storage", TYPE_STR),
	SUPPORTED("agent_temporary_workspace", TYPE_STR),
	IGNORED("session_storage", TYPE_STR),
	CONTEXT_PATHS,
	SUPPORTED("skip_coordination_rounds", TYPE_BOOL),
	SUPPORTED("debug_final_answer", TYPE_BOOL | TYPE_STR,
	    .want = "a boolean or string"),
	IGNORED("dspy", TYPE_MAP, .inner = &dspy),
	END
};
static const struct place orchestrator = {
	"", "Orchestrator missing", orchestrator_keys, NULL
};

static const struct key ui_keys[] = {
	SUPPORTED("use_orchestrator_for_single_agent", TYPE_BOOL),
	SUPPORTED("logging_enabled", TYPE_BOOL),
	IGNORED("display_type", TYPE_STR, .words = displays,
	    .mild = plain_displays),
	END
};
static const struct place ui = { "", "UI missing", ui_keys, NULL };

/* Up to 10,000 dollars for a million tokens. */
#define RATE TYPE_NUMBER, RANGE(0, 1e4, \
	"a number of US dollars per million tokens, from 0 to 10000")
#define RATES \
	SUPPORTED("input", RATE, .required = true), \
	SUPPORTED("cached", RATE), \
	SUPPORTED("cache_write", RATE), \
	SUPPORTED("output", RATE, .required = true)

static const struct key long_price_keys[] = {
	SUPPORTED("threshold", POSITIVE_INT, .required = true),
	RATES,
	END
};
static const struct place long_price = {
	"long_context ", "long_context missing", long_price_keys, NULL
};

static const struct key price_keys[] = {
	RATES,
	SUPPORTED("long_context", TYPE_MAP | TYPE_LIST, .inner = &long_price,
	    .item_types = TYPE_MAP),
	END
};
static const struct place price = {
	"Price ", "Price missing", price_keys, NULL
};

static const struct key price_file_keys[] = {
	SUPPORTED("prices", TYPE_MAP, .inner = &price, .by_name = true,
	    .required = true),
	END
};
const struct place schema_price_file = {
	"", "Table of prices missing", price_file_keys, NULL
};

static const struct key root_keys[] = {
	SUPPORTED("agents", TYPE_LIST, .inner = &agent,
	    .item_types = TYPE_MAP, .item_title = "Agent"),
	SUPPORTED("agent", TYPE_MAP, .inner = &agent),
	SUPPORTED("orchestrator", TYPE_MAP, .inner = &orchestrator,
	    .title = "Orchestrator"),
	SUPPORTED("timeout_settings", TYPE_MAP, .inner = &timeouts),
	SUPPORTED("ui", TYPE_MAP, .inner = &ui, .title = "UI"),
	SUPPORTED("dry_run", TYPE_MAP),
	SUPPORTED("prices", TYPE_MAP | TYPE_STR, .inner = &price,
	    .by_name = true, .want = "a dictionary or the name of a file"),
	IGNORED("memory", TYPE_MAP, .inner = &memory, .title = "Memory"),
	IGNORED("session_id", TYPE_STR),
	END
};
const struct place schema_root = { "", "Config missing", root_keys, NULL };

static const struct key tokens_keys[] = {
	SUPPORTED("input", COUNT),
	SUPPORTED("cached", COUNT),
	SUPPORTED("output", COUNT),
	SUPPORTED("reasoning", COUNT),
	END
};
static const struct place tokens = { "", "tokens missing", tokens_keys, NULL };
static const struct key stream_keys[] = {
	SUPPORTED("chunks", TYPE_INT, RANGE(1, 1e6,
	    "a positive integer up to 1000000")),
	SUPPORTED("bytes", TYPE_INT, RANGE(1, 1e9, "a positive integer")),
	SUPPORTED("interval_ms", TYPE_INT, RANGE(0, DAYS(1) * 1000,
	    "milliseconds, at most a day")),
	END
};
static const struct place stream = { "", "stream missing", stream_keys, NULL };

static const struct key tool_call_keys[] = {
	SUPPORTED("name", TYPE_STR, .required = true),
	SUPPORTED("arguments", TYPE_MAP),
	END
};
static const struct place tool_call = {
	"Tool call ", "Tool call missing", tool_call_keys, NULL
};

static const struct key step_keys[] = {
	SUPPORTED("answer", TYPE_STR),
	SUPPORTED("answer_bytes", TYPE_INT, RANGE(0, 1073741824,
	    "a number of bytes up to 1 GiB")),
	SUPPORTED("vote", TYPE_STR),
	SUPPORTED("say", TYPE_STR),
	SUPPORTED("present", TYPE_STR),
	SUPPORTED("error", TYPE_STR),
	SUPPORTED("fault", TYPE_STR, .words = faults),
	SUPPORTED("reason", TYPE_STR),
	SUPPORTED("late", TYPE_BOOL),
	SUPPORTED("restart", TYPE_STR),
	SUPPORTED("instructions", TYPE_STR),
	SUPPORTED("permanent", TYPE_BOOL),
	SUPPORTED("signal", TYPE_STR, .words = signals),
	SUPPORTED("code", TYPE_INT, RANGE(0, 255,
	    "an exit code from 0 to 255")),
	SUPPORTED("delay_ms", TYPE_INT, RANGE(0, DAYS(1) * 1000,
	    "milliseconds, at most a day")),
	SUPPORTED("tokens", TYPE_MAP, .inner = &tokens),
	SUPPORTED("cost", TYPE_NUMBER, RANGE(0, 1e9,
	    "a non-negative number")),
	SUPPORTED("stream", TYPE_MAP, .inner = &stream),
	SUPPORTED("tools", TYPE_LIST, .inner = &tool_call,
	    .item_types = TYPE_MAP, .item_title = "Tool call"),
	END
};
const struct place schema_step = { "", "Step missing", step_keys, NULL };

/* clang-format on */
