/* Which files are text, and reading them. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/tool/files.h"

#define HEAD_MAX 8192 /* bytes that tell text from other data */

static const struct {
	const char *what;
	const char *suffixes; /* each between two spaces */
} kinds[] = {
	{ "an image",
	    " png jpg jpeg gif bmp ico tif tiff webp heic heif avif psd " },
	{ "audio", " mp3 wav flac ogg oga m4a aac wma opus " },
	{ "video", " mp4 m4v mkv avi mov wmv flv webm mpg mpeg " },
	{ "an archive", " zip tar gz tgz bz2 xz zst 7z rar jar whl deb rpm " },
	{ "an office document",
	    " pdf doc docx xls xlsx ppt pptx odt ods odp " },
	{ "compiled code", " o a so exe dll dylib class pyc pyo wasm bin " },
	{ "a database", " db sqlite sqlite3 " },
	{ "a font", " ttf otf woff woff2 " },
};

const char *
files_binary_name(const char *path)
{
	const char *slash = strrchr(path, '/'), *dot;
	char word[16];
	size_t i;

	dot = strrchr(slash == NULL ? path : slash, '.');
	if (dot == NULL || strlen(dot) > 8 || dot[1] == '\0')
		return (NULL);
	snprintf(word, sizeof(word), " %s ", dot + 1);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcasestr(kinds[i].suffixes, word) != NULL)
			return (kinds[i].what);
	return (NULL);
}

bool
files_is_binary(const char *data, size_t len)
{
	return (len > 0 && memchr(data, '\0', len) != NULL);
}

static int
refuse_binary(const char *path, const char *what, char *err, size_t errlen)
{
	return (walls_refuse(err, errlen, EINVAL,
	    "%s: %s, no text: get_file_info tells its size; where there is a "
	    "command line, a program for its format can look into it",
	    path, what));
}

int
files_open_text(const struct walls *w, const char *path, struct stat *st,
    char *err, size_t errlen)
{
	char head[HEAD_MAX];
	ssize_t n;
	int fd;

	if ((fd = walls_open(w, path, O_RDONLY, err, errlen)) == -1)
		return (-1);
	if (fstat(fd, st) == -1 || S_ISDIR(st->st_mode)) {
		walls_refuse(err, errlen, EISDIR,
		    "%s: a directory: see list_directory", path);
	} else if (files_binary_name(path) != NULL) {
		refuse_binary(path, files_binary_name(path), err, errlen);
	} else if ((n = pread(fd, head, sizeof(head), 0)) == -1) {
		walls_refuse(
		    err, errlen, errno, "%s: %s", path, strerror(errno));
	} else if (files_is_binary(head, (size_t)n)) {
		refuse_binary(path, "binary data", err, errlen);
	} else {
		return (fd);
	}
	close(fd);
	return (-1);
}

int
files_read_text(const struct walls *w, const char *path, struct buf *text,
    char *err, size_t errlen)
{
	struct stat st;
	int fd, ret;

	if ((fd = files_open_text(w, path, &st, err, errlen)) == -1)
		return (-1);
	ret = buf_read_fd(text, fd, FILES_TEXT);
	close(fd);
	if (ret == -1)
		return (walls_refuse(err, errlen, errno, "%s: %s", path,
		    errno == EFBIG ? "too large for this" : strerror(errno)));
	if (text->data == NULL)
		buf_adds(text, "");
	return (0);
}
