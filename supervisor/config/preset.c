/*
 * The backend types: facts about providers, from MassGen's capability table
 * and the providers' own documentation.  `wire` is NULL where no wire
 * format of ours speaks to the type yet.
 */

#include <string.h>

#include "supervisor/config/config.h"

#define CHAT      "chatcompletion"
#define RESPONSES "responses"
#define ALL       (PRESET_WEB_SEARCH | PRESET_CODE_EXECUTION | PRESET_MCP)

/* clang-format off */

/* Sorted by type. */
static const struct preset presets[] = {
	{ "ag2", NULL, NULL, { NULL, NULL },
	    NULL, NULL, false, PRESET_CODE_EXECUTION },
	{ "azure_openai", RESPONSES, "gpt-4o",
	    { "AZURE_OPENAI_API_KEY", NULL },
	    "${AZURE_OPENAI_ENDPOINT}/openai/v1", NULL, true, ALL },
	{ "cerebras", CHAT, "llama-3.3-70b", { "CEREBRAS_API_KEY", NULL },
	    "https://api.cerebras.ai/v1", NULL, true, PRESET_MCP },
	{ "chatcompletion", CHAT, NULL, { "OPENAI_API_KEY", NULL },
	    "https://api.openai.com/v1", NULL, true, PRESET_MCP },
	{ "claude", "claude", "claude-sonnet-4-5-20250929",
	    { "ANTHROPIC_API_KEY", NULL },
	    "https://api.anthropic.com/v1", NULL, true, ALL },
	{ "claude_code", NULL, "claude-sonnet-4-5-20250929",
	    { "ANTHROPIC_API_KEY", NULL }, NULL, NULL, false, PRESET_MCP },
	{ "command", "command", "command", { NULL, NULL },
	    NULL, NULL, false, 0 },
	{ "deepseek", CHAT, NULL, { "DEEPSEEK_API_KEY", NULL },
	    "https://api.deepseek.com/v1", NULL, true, PRESET_MCP },
	{ "fireworks", CHAT,
	    "accounts/fireworks/models/llama-v3p3-70b-instruct",
	    { "FIREWORKS_API_KEY", NULL },
	    "https://api.fireworks.ai/inference/v1", NULL, true, PRESET_MCP },
	{ "gemini", "gemini", "gemini-2.5-flash",
	    { "GOOGLE_API_KEY", "GEMINI_API_KEY" },
	    "https://generativelanguage.googleapis.com/v1beta",
	    NULL, true, ALL },
	{ "grok", RESPONSES, "grok-4", { "XAI_API_KEY", NULL },
	    "https://api.x.ai/v1", NULL, true,
	    PRESET_WEB_SEARCH | PRESET_MCP },
	{ "groq", CHAT, "llama-3.3-70b-versatile", { "GROQ_API_KEY", NULL },
	    "https://api.groq.com/openai/v1", NULL, true, PRESET_MCP },
	{ "inference", NULL, NULL, { NULL, NULL },
	    NULL, NULL, false, PRESET_MCP },
	{ "llamacpp", CHAT, NULL, { NULL, NULL },
	    "http://localhost:8080/v1", NULL, false, PRESET_MCP },
	{ "lmstudio", CHAT, NULL, { NULL, NULL },
	    "http://localhost:1234/v1", NULL, false, PRESET_MCP },
	{ "mock", "mock", "mock", { NULL, NULL },
	    NULL, NULL, false, ALL },
	{ "moonshot", CHAT, "moonshot-v1-128k",
	    { "MOONSHOT_API_KEY", "KIMI_API_KEY" },
	    "https://api.moonshot.cn/v1", NULL, true, PRESET_MCP },
	{ "nebius", CHAT, "Qwen/Qwen3-4B-fast", { "NEBIUS_API_KEY", NULL },
	    "https://api.studio.nebius.com/v1", NULL, true, PRESET_MCP },
	{ "ollama", CHAT, NULL, { NULL, NULL },
	    "http://localhost:11434/v1", NULL, false, PRESET_MCP },
	{ "openai", RESPONSES, "gpt-4o", { "OPENAI_API_KEY", NULL },
	    "https://api.openai.com/v1", NULL, true, ALL },
	{ "openrouter", CHAT, NULL, { "OPENROUTER_API_KEY", NULL },
	    "https://openrouter.ai/api/v1", NULL, true, PRESET_MCP },
	{ "poe", CHAT, NULL, { "POE_API_KEY", NULL },
	    "https://api.poe.com/v1", NULL, true, PRESET_MCP },
	{ "qwen", CHAT, "qwen-max", { "QWEN_API_KEY", "DASHSCOPE_API_KEY" },
	    "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
	    NULL, true, PRESET_MCP },
	{ "sglang", CHAT, NULL, { "SGLANG_API_KEY", NULL },
	    "http://localhost:30000/v1", "EMPTY", false, PRESET_MCP },
	{ "together", CHAT, "meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo",
	    { "TOGETHER_API_KEY", NULL },
	    "https://api.together.xyz/v1", NULL, true, PRESET_MCP },
	{ "vllm", CHAT, NULL, { "VLLM_API_KEY", NULL },
	    "http://localhost:8000/v1", "EMPTY", false, PRESET_MCP },
	{ "zai", CHAT, "glm-4.5", { "ZAI_API_KEY", NULL },
	    "https://api.z.ai/api/paas/v4", NULL, true, PRESET_MCP },
};

/* Domains, and whose they are. */
static const struct {
	const char *domain;
	const char *type;
} hosts[] = {
	{ "openai.com", "openai" },
	{ "cerebras.ai", "cerebras" },
	{ "together.xyz", "together" },
	{ "together.ai", "together" },
	{ "fireworks.ai", "fireworks" },
	{ "groq.com", "groq" },
	{ "openrouter.ai", "openrouter" },
	{ "moonshot.cn", "moonshot" },
	{ "moonshot.ai", "moonshot" },
	{ "nebius.com", "nebius" },
	{ "nebius.ai", "nebius" },
	{ "poe.com", "poe" },
	{ "aliyuncs.com", "qwen" },
	{ "z.ai", "zai" },
	{ "bigmodel.cn", "zai" },
	{ "deepseek.com", "deepseek" },
	{ "x.ai", "grok" },
	{ "anthropic.com", "claude" },
	{ "googleapis.com", "gemini" },
};

/* Beginnings of model names, and the type that serves them. */
static const struct {
	const char *prefix;
	const char *type;
} models[] = {
	{ "gpt-5", "openai" },
	{ "gpt-4.1", "openai" },
	{ "gpt-4o", "openai" },
	{ "o3", "openai" },
	{ "o4-mini", "openai" },
	{ "claude-", "claude" },
	{ "gemini-", "gemini" },
	{ "grok-", "grok" },
	{ "glm-4.5", "zai" },
};

/* clang-format on */

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

const struct preset *
preset_at(size_t i)
{
	return (i < COUNT(presets) ? &presets[i] : NULL);
}

const struct preset *
preset_find(const char *type)
{
	size_t i;

	for (i = 0; i < COUNT(presets); i++) {
		if (strcmp(presets[i].type, type) == 0)
			return (&presets[i]);
	}
	return (NULL);
}

const char *
preset_infer(const char *model)
{
	size_t i;

	for (i = 0; i < COUNT(models); i++) {
		if (strncmp(
			model, models[i].prefix, strlen(models[i].prefix)) == 0)
			return (models[i].type);
	}
	return (NULL);
}

/* Whether a host is the domain itself or a name below it. */
static bool
host_is_in(const char *host, size_t len, const char *domain)
{
	size_t n = strlen(domain);

	if (len < n || strncasecmp(host + len - n, domain, n) != 0)
		return (false);
	return (len == n || host[len - n - 1] == '.');
}

const struct preset *
preset_of_host(const char *base_url)
{
	const char *host = strstr(base_url, "://");
	size_t i, len;

	if (host == NULL)
		return (NULL);
	host += strlen("://");
	len = strcspn(host, ":/?#");
	for (i = 0; i < COUNT(hosts); i++) {
		if (host_is_in(host, len, hosts[i].domain))
			return (preset_find(hosts[i].type));
	}
	return (NULL);
}
