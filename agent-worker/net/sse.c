/* Server-sent events, taken apart as they arrive. */

#include <string.h>

#include "agent-worker/net/sse.h"

#define BOM     "\xef\xbb\xbf"
#define BOM_LEN 3

#define SSE_ID_MAX    ((size_t)4096)
#define SSE_RETRY_MAX 3600000

void
sse_init(struct sse *s, sse_event_fn *event, void *arg)
{
	memset(s, 0, sizeof(*s));
	s->event = event;
	s->arg = arg;
	buf_init(&s->line, SSE_MAX);
	buf_init(&s->data, SSE_MAX);
	buf_init(&s->type, SSE_MAX);
	buf_init(&s->id, SSE_ID_MAX);
	s->retry_ms = -1;
}

void
sse_release(struct sse *s)
{
	buf_release(&s->line);
	buf_release(&s->data);
	buf_release(&s->type);
	buf_release(&s->id);
}

/* A keep-alive is an event without data: nobody hears of it. */
static void
dispatch(struct sse *s)
{
	struct buf *data = &s->data;

	if (data->len > 1) {
		data->data[--data->len] = '\0';
		s->event(s->arg, s->type.len == 0 ? "" : s->type.data,
		    data->data, data->len);
	}
	data->len = s->type.len = 0;
}

static bool
add_data(struct sse *s, const char *value, size_t len)
{
	return (buf_add(&s->data, value, len) && buf_add(&s->data, "\n", 1));
}

/* An id that is no text, or too long, stands for none. */
static void
take_id(struct sse *s, const char *value, size_t len)
{
	s->id.len = 0;
	if (memchr(value, '\0', len) == NULL)
		(void)buf_add(&s->id, value, len);
}

static void
take_retry(struct sse *s, const char *value, size_t len)
{
	int64_t ms = 0;
	size_t i;

	for (i = 0; i < len && value[i] >= '0' && value[i] <= '9'; i++)
		if (ms < SSE_RETRY_MAX)
			ms = ms * 10 + (value[i] - '0');
	if (len > 0 && i == len)
		s->retry_ms = ms < SSE_RETRY_MAX ? ms : SSE_RETRY_MAX;
}

static bool
take_line(struct sse *s, const char *line, size_t len)
{
	const char *colon, *value;
	size_t name_len, value_len;

	if (len == 0) {
		dispatch(s);
		return (true);
	}
	/* No field is called that: some servers report an error bare. */
	if (line[0] == '{')
		return (add_data(s, line, len));
	colon = memchr(line, ':', len);
	name_len = colon == NULL ? len : (size_t)(colon - line);
	value = colon == NULL ? line + len : colon + 1;
	value_len = len - (size_t)(value - line);
	if (value_len > 0 && *value == ' ') {
		value++;
		value_len--;
	}
	if (name_len == 4 && memcmp(line, "data", 4) == 0)
		return (add_data(s, value, value_len));
	if (name_len == 5 && memcmp(line, "event", 5) == 0) {
		s->type.len = 0;
		return (buf_add(&s->type, value, value_len));
	}
	if (name_len == 2 && memcmp(line, "id", 2) == 0)
		take_id(s, value, value_len);
	else if (name_len == 5 && memcmp(line, "retry", 5) == 0)
		take_retry(s, value, value_len);
	return (true);
}

/* The line ends here: with what earlier reads brought of it, or whole. */
static bool
end_line(struct sse *s, const char *rest, size_t len)
{
	bool ok;

	if (s->line.len == 0)
		return (take_line(s, rest, len));
	if (!buf_add(&s->line, rest, len))
		return (false);
	ok = take_line(s, s->line.data, s->line.len);
	s->line.len = 0;
	return (ok);
}

/*
 * Each search starts where the last one of its kind ended, so that every
 * byte is looked at once for CR and once for LF however short the lines.
 */
static bool
take_lines(struct sse *s, const char *p, size_t len)
{
	const char *end = p + len, *cr = NULL, *lf = NULL, *eol;

	while (p < end) {
		if (cr == NULL || cr < p)
			cr = memchr(p, '\r', (size_t)(end - p));
		if (lf == NULL || lf < p)
			lf = memchr(p, '\n', (size_t)(end - p));
		if (cr == NULL)
			cr = end;
		if (lf == NULL)
			lf = end;
		eol = cr < lf ? cr : lf;
		if (eol == end)
			return (buf_add(&s->line, p, (size_t)(end - p)));
		if (!end_line(s, p, (size_t)(eol - p)))
			return (false);
		p = eol + 1;
		if (eol == cr) {
			if (p == end)
				s->after_cr = true;
			else if (*p == '\n')
				p++;
		}
	}
	return (true);
}

/* Drop a byte order mark at the start, however the reads cut it. */
static bool
take_bom(struct sse *s, const char **bytes, size_t *len)
{
	unsigned int seen;

	while (s->bom<BOM_LEN && * len> 0 && **bytes == BOM[s->bom]) {
		s->bom++;
		(*bytes)++;
		(*len)--;
	}
	if (s->bom == BOM_LEN || *len == 0)
		return (true);
	/* It was none: what looked like one is text, in part from before. */
	seen = s->bom;
	s->bom = BOM_LEN;
	return (buf_add(&s->line, BOM, seen));
}

bool
sse_feed(struct sse *s, const char *bytes, size_t len)
{
	if (s->bom < BOM_LEN && !take_bom(s, &bytes, &len))
		return (false);
	if (len == 0)
		return (true);
	if (s->after_cr && *bytes == '\n') {
		bytes++;
		len--;
	}
	s->after_cr = false;
	return (take_lines(s, bytes, len));
}

bool
sse_finish(struct sse *s)
{
	if (s->line.len > 0 && !end_line(s, "", 0))
		return (false);
	dispatch(s);
	return (true);
}
