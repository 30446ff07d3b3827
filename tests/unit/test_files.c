/* agent-worker/tool/files: read, searched and written, on real files. */

#include "tests/unit/tool_box.h"

#define FILES "\"files\":true"

TEST(there_are_none_unless_wanted)
{
	struct toolbox *box = box_enter("");

	CHECK(toolbox_find(box, "read_text_file") == NULL);
	box_leave(box);
	box = box_enter("\"files\":false");
	CHECK(toolbox_find(box, "read_text_file") == NULL);
	box_leave(box);
	box = box_enter(FILES ",\"exclude_tools\":[\"delete_file\"]");
	CHECK(toolbox_find(box, "read_text_file") != NULL);
	CHECK(toolbox_find(box, "delete_file") == NULL);
	box_leave(box);
}

/* Whatever is missing or of another type is said; nothing crashes. */
TEST(odd_arguments)
{
	static const char *const odd[] = { "{}", "{'path':null}",
		"{'path':7,'paths':7,'source':[],'edits':{}}",
		"{'path':'','paths':[],'content':'','edits':[],"
		"'source':'','destination':'','pattern':'',"
		"'source_path':'','destination_path':'',"
		"'source_base_path':'','base_path':'','dir1':'','dir2':'',"
		"'file1':'','file2':''}",
		"{'path':'/no/such','paths':[1],'edits':[7],'content':7,"
		"'source':'no','destination':'no','pattern':'[',"
		"'source_path':'no','destination_path':'to',"
		"'source_base_path':'no','base_path':'no','dir1':'no',"
		"'dir2':'no','file1':'no','file2':'no'}" };
	struct toolbox *box = box_enter(FILES);
	bool is_error = false;
	size_t i, k;
	char *text;

	CHECK_INT(box->ntools, 18);
	for (i = 0; i < box->ntools; i++) {
		for (k = 0; k < sizeof(odd) / sizeof(odd[0]); k++) {
			text = box_call(
			    box, box->tools[i].name, odd[k], &is_error);
			CHECK(text != NULL);
			if (strcmp(box->tools[i].name,
				"list_allowed_directories") != 0 &&
			    !CHECK(is_error))
				printf("# %s(%s): %s\n", box->tools[i].name,
				    odd[k], text);
			free(text);
		}
	}
	CHECK_INT(names_in("ws"), 0);
	box_leave(box);
}

/* --- reading --- */

TEST(lines_are_read)
{
	struct toolbox *box = box_enter(FILES);

	spill("ws/f", "one\ntwo\nthree\nfour\n");
	spill("ws/open", "one\ntwo");
	spill("ws/empty", "");
	OK("read_text_file", "{'path':'f'}", "one\ntwo\nthree\nfour\n");
	OK("read_text_file", "{'path':'empty'}", "");
	OK("read_text_file", "{'path':'open','tail':1}", "two");
	REFUSED("read_text_file", "{'path':'f','head':1,'tail':1}", "head");
	REFUSED("read_text_file", "{'path':'f','head':-1}", "from 1");
	REFUSED("read_text_file", "{'path':'f','head':1,'limit':1}", "head");
	REFUSED("read_text_file", "{'path':'.'}", "list_directory");
	REFUSED("read_text_file", "{'path':'../outside/secret'}", "outside");
	REFUSED("read_text_file", "{'path':'no'}", "No such file");
	OK("read_text_file", "{'path':'f','offset':99}", "before line 99");
	REFUSED("read_text_file",
	    "{'path':'f','offset':9223372036854775807,'limit':1}", "from 1");
	box_leave(box);
}

static void
check_exact(
    struct toolbox *box, const char *arguments, const char *want, int line)
{
	bool is_error = true;
	char *text = box_call(box, "read_text_file", arguments, &is_error);

	test_check_str(text, want, arguments, __FILE__, line);
	test_check(!is_error, arguments, __FILE__, line);
	free(text);
}

#define EXACT(arguments, want) check_exact(box, arguments, want, __LINE__)

TEST(head_tail_and_pages_are_exact)
{
	struct toolbox *box = box_enter(FILES);

	spill("ws/f", "one\ntwo\nthree\nfour\n");
	spill("ws/open", "one\ntwo");
	EXACT("{'path':'f','head':2}", "one\ntwo\n");
	EXACT("{'path':'f','head':9}", "one\ntwo\nthree\nfour\n");
	EXACT("{'path':'f','tail':2}", "three\nfour\n");
	EXACT("{'path':'f','tail':4}", "one\ntwo\nthree\nfour\n");
	EXACT("{'path':'f','tail':9}", "one\ntwo\nthree\nfour\n");
	EXACT("{'path':'open','tail':1}", "two");
	EXACT("{'path':'open','tail':2}", "one\ntwo");
	EXACT("{'path':'f','offset':3}", "three\nfour\n");
	EXACT("{'path':'f','offset':3,'limit':2}", "three\nfour\n");
	EXACT("{'path':'f','offset':2,'limit':1}",
	    "two\n[lines 2 to 2; there are more, the file has 19 bytes; "
	    "offset=3 goes on]");
	EXACT("{'path':'f','offset':0,'limit':0}", "one\ntwo\nthree\nfour\n");
	box_leave(box);
}

/* 20,000 lines of 40 bytes. */
static void
make_long(const char *path)
{
	FILE *f = fopen(path, "we");
	int i;

	if (f == NULL)
		err(1, "%s", path);
	for (i = 1; i <= 20000; i++)
		fprintf(f, "line %05d %028d\n", i, 0);
	if (fclose(f) != 0)
		err(1, "%s", path);
}

/* Going on as the notes say shows every line once. */
TEST(a_long_file_is_paged)
{
	struct toolbox *box = box_enter(FILES);
	int64_t offset = 1, pages = 0, lines = 0;
	char arguments[64], *text, *p, *note;
	bool is_error = false;

	make_long("ws/f");
	for (; offset > 0 && pages < 20; pages++) {
		snprintf(arguments, sizeof(arguments),
		    "{'path':'f','offset':%jd}", (intmax_t)offset);
		text = box_call(box, "read_text_file", arguments, &is_error);
		CHECK(strlen(text) <= 132 * 1024);
		for (p = text; strncmp(p, "line ", 5) == 0; p += 40)
			CHECK_INT(strtol(p + 5, NULL, 10), ++lines);
		note = strstr(text, "offset=");
		offset = note == NULL ? 0 : strtol(note + 7, NULL, 10);
		free(text);
	}
	CHECK_INT(lines, 20000);
	CHECK(pages > 2);
	OK("read_text_file", "{'path':'f','tail':20000}", "not all of these");
	OK("read_text_file", "{'path':'f','tail':20000}", "line 20000 ");
	OK("read_text_file", "{'path':'f','head':20000}", "there are more");
	OK("read_text_file", "{'path':'f','offset':19999,'limit':1}",
	    "line 19999 ");
	box_leave(box);
}

TEST(a_long_line_is_cut_and_said)
{
	struct toolbox *box = box_enter(FILES);
	char *big = xcalloc(1, 400001);

	memset(big, 'x', 400000);
	memcpy(big, "short\n", 6);
	big[300000] = '\n';
	spill("ws/f", big);
	OK("read_text_file", "{'path':'f'}", "offset=2 goes on");
	OK("read_text_file", "{'path':'f','offset':2}", "line 2 is cut");
	OK("read_text_file", "{'path':'f','offset':3}", "xxx");
	free(big);
	box_leave(box);
}

TEST(what_is_no_text_is_refused)
{
	static const char *const names[] = { "a.png", "A.PNG", "b.zip", "c.pdf",
		"d.mp3", "e.docx", "f.sqlite", "g.so" };
	struct toolbox *box = box_enter(FILES);
	char arguments[64], path[64];
	size_t i;
	FILE *f;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "ws/%s", names[i]);
		spill(path, "text");
		snprintf(
		    arguments, sizeof(arguments), "{'path':'%s'}", names[i]);
		REFUSED("read_text_file", arguments, "no text");
		REFUSED("read_text_file", arguments, "get_file_info");
		OK("get_file_info", arguments, "size: 4\n");
	}
	f = fopen("ws/data", "we");
	if (f == NULL || fwrite("a\0b", 1, 3, f) != 3 || fclose(f) != 0)
		err(1, "ws/data");
	REFUSED("read_text_file", "{'path':'data'}", "binary data");
	REFUSED("edit_file",
	    "{'path':'data','edits':[{'oldText':'a','newText':'b'}]}",
	    "binary data");
	spill("ws/Makefile.so.txt", "text");
	OK("read_text_file", "{'path':'Makefile.so.txt'}", "text");
	spill("ws/latin", "caf\xe9\n");
	OK("read_text_file", "{'path':'latin'}", "caf\xef\xbf\xbd\n");
	box_leave(box);
}

TEST(several_files_at_once)
{
	struct toolbox *box = box_enter(FILES);

	spill("ws/a", "A\n");
	spill("ws/b", "B\n");
	OK("read_multiple_files", "{'paths':['a','../outside/secret','b']}",
	    "a:\nA\n\n\n---\n../outside/secret: Error - ");
	OK("read_multiple_files", "{'paths':['a','no','b']}", "\n---\nb:\nB\n");
	make_long("ws/long");
	OK("read_multiple_files",
	    "{'paths':['long','long','long','long','long','a']}",
	    "a: Error - not read: there is too much already");
	box_leave(box);
}

TEST(what_a_file_is)
{
	struct toolbox *box = box_enter(FILES);

	spill("ws/f", "12345");
	CHECK_INT(chmod("ws/f", 0640), 0);
	OK("get_file_info", "{'path':'f'}",
	    "isDirectory: false\nisFile: true\npermissions: 640");
	OK("get_file_info", "{'path':'f'}", "size: 5\n");
	OK("get_file_info", "{'path':'.'}", "isDirectory: true");
	REFUSED("get_file_info", "{'path':'/etc/passwd'}", "outside");
	OK("list_allowed_directories", "{}", "/ws (the workspace, read and");
	OK("list_allowed_directories", "{}",
	    "/ctx (read-only before the presentation)");
	OK("list_allowed_directories", "{}", "/ctx/nested (read-only)");
	OK("list_allowed_directories", "{}", "/only/one.txt (this file only,");
	box_present(box);
	OK("list_allowed_directories", "{}", "/ctx (read and write)");
	box_leave(box);
}

/* --- lists --- */

TEST(directories_are_listed)
{
	struct toolbox *box = box_enter(FILES);

	OK("list_directory", "{'path':'.'}", "[the directory is empty]");
	mkdir("ws/sub", 0777);
	mkdir("ws/sub/deep", 0777);
	spill("ws/b.c", "");
	spill("ws/a.c", "");
	spill("ws/sub/deep/c.c", "");
	CHECK_INT(symlink("/etc", "ws/away"), 0);
	OK("list_directory", "{'path':'.'}",
	    "[DIR] sub\n[FILE] a.c\n[FILE] b.c\n[LINK] away");
	REFUSED("list_directory", "{'path':'a.c'}", "Not a directory");
	REFUSED("list_directory", "{'path':'away'}", "symbolic link");
	OK("directory_tree", "{'path':'.'}",
	    "    \"name\": \"sub\",\n    \"type\": \"directory\"");
	OK("directory_tree", "{'path':'.'}", "\"name\": \"c.c\"");
	OK("directory_tree", "{'path':'.'}",
	    "\"name\": \"away\",\n    \"type\": \"link\"");
	OK("directory_tree", "{'path':'.','excludePatterns':['deep']}",
	    "\"children\": [\n    ]");
	OK("search_files", "{'path':'.','pattern':'*.c'}", "/ws/sub/deep/c.c");
	OK("search_files", "{'path':'.','pattern':'**/*.c'}", "/ws/a.c\n");
	OK("search_files", "{'path':'.','pattern':'DEE'}", "/ws/sub/deep");
	OK("search_files", "{'path':'.','pattern':'passwd'}",
	    "No matches found");
	OK("search_files",
	    "{'path':'.','pattern':'*.c','excludePatterns':['sub']}",
	    "/ws/a.c");
	box_leave(box);
}

TEST(text_is_searched)
{
	struct toolbox *box = box_enter(FILES);

	mkdir("ws/src", 0777);
	mkdir("ws/.git", 0777);
	spill("ws/src/a.c", "int x;\nreturn (X);\n");
	spill("ws/b.py", "x = 1\n");
	spill("ws/.git/config", "int x;\n");
	CHECK_INT(symlink("../outside/secret", "ws/away"), 0);
	OK("search_text", "{'pattern':'int +[a-z]'}", "src/a.c:1: int x;");
	OK("search_text", "{'pattern':'nobody'}", "No matches found");
	OK("search_text", "{'pattern':'nobody','path':'b.py'}", "No matches");
	REFUSED("search_text", "{'pattern':'nobody','path':'away'}", "link");
	OK("search_text", "{'pattern':'RETURN','ignore_case':true}",
	    "src/a.c:2: return (X);");
	OK("search_text", "{'pattern':'x','include_patterns':['*.py']}",
	    "b.py:1: x = 1");
	OK("search_text", "{'pattern':'int','exclude_patterns':['src']}",
	    ".git/config:1: int x;");
	OK("search_text", "{'pattern':'x','max_results':1}",
	    "there is more than this");
	REFUSED("search_text", "{'pattern':'('}", "is not closed");
	REFUSED("search_text", "{'pattern':'(a)\\\\1'}", "back references");
	REFUSED("search_text", "{'pattern':'((a{1,99}){1,99}){1,99}'}",
	    "repetitions");
	box_leave(box);
}

/* A search in much text hears that the turn is over. */
TEST(a_search_ends_with_the_turn)
{
	struct toolbox *box = box_enter(FILES);
	bool is_error = false;
	char path[64];
	int i;

	for (i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), "ws/long%d", i);
		make_long(path);
	}
	box_patience = 1;
	CHECK(
	    box_call(box, "search_text",
		"{'pattern':'(9|8)*(1|2)*(3|4)*nothing'}", &is_error) == NULL);
	box_leave(box);
}

/* --- writing --- */

TEST(files_are_written_whole)
{
	struct toolbox *box = box_enter(FILES);
	struct stat st;

	OK("write_file", "{'path':'f','content':'one'}",
	    "Successfully wrote to f");
	HOLDS("ws/f", "one");
	CHECK_INT(chmod("ws/f", 0755), 0);
	OK("write_file", "{'path':'f','content':''}", "Successfully");
	HOLDS("ws/f", "");
	CHECK_INT(stat("ws/f", &st), 0);
	CHECK_INT(st.st_mode & 0777, 0755);
	OK("write_file", "{'path':'a/b/c','content':'deep'}", "Successfully");
	HOLDS("ws/a/b/c", "deep");
	CHECK_INT(symlink("a/b/c", "ws/link"), 0);
	OK("write_file", "{'path':'link','content':'through'}", "");
	HOLDS("ws/a/b/c", "through");
	CHECK_INT(lstat("ws/link", &st), 0);
	CHECK(S_ISLNK(st.st_mode));
	REFUSED("write_file", "{'path':'a','content':'x'}", "no file");
	REFUSED("write_file", "{'path':'f/x','content':'x'}", "Not a dir");
	REFUSED("write_file", "{'path':'../outside/x','content':'x'}", "out");
	REFUSED("write_file", "{'path':'../ctx/f','content':'x'}",
	    "read-only before the final presentation");
	REFUSED("write_file", "{'path':'../snapshots/x','content':'x'}",
	    "read-only");
	CHECK_INT(symlink("../outside/secret", "ws/away"), 0);
	REFUSED("write_file", "{'path':'away','content':'x'}", "link");
	HOLDS("outside/secret", SECRET);
	CHECK_INT(names_in("ws"), 4);
	box_leave(box);
}

TEST(the_presenter_writes_what_is_the_users)
{
	struct toolbox *box = box_enter(FILES);
	struct stat before, after;

	mkdir("ctx/repository", 0777);
	mkdir("ctx/repository/.git", 0777);
	box_present(box);
	REFUSED("move_file",
	    "{'source':'../ctx/repository','destination':'../ctx/moved'}",
	    "/.git in it is protected");
	REFUSED("move_file",
	    "{'source':'../ctx/repository','destination':'moved'}",
	    "/.git in it is protected");
	OK("write_file", "{'path':'../ctx/f','content':'x'}", "");
	OK("write_file", "{'path':'../ctx/new/f','content':'x'}", "");
	CHECK_INT(stat("only/one.txt", &before), 0);
	OK("write_file", "{'path':'../only/one.txt','content':'x'}", "");
	CHECK_INT(stat("only/one.txt", &after), 0);
	CHECK_INT(before.st_ino, after.st_ino);
	HOLDS("only/one.txt", "x");
	CHECK_INT(names_in("only"), 2);
	REFUSED("write_file", "{'path':'../ctx/kept/f','content':'x'}", "prot");
	REFUSED("write_file", "{'path':'../ctx/.git/x','content':'x'}", "prot");
	REFUSED("write_file", "{'path':'../ctx/.env','content':'x'}", "prot");
	REFUSED("create_directory", "{'path':'../ctx/a/.venv/b'}", "prot");
	REFUSED("move_file", "{'source':'../ctx/kept/f','destination':'f'}",
	    "protected");
	REFUSED("move_file", "{'source':'../ctx/kept','destination':'kept'}",
	    "protected");
	REFUSED("move_file", "{'source':'../ctx','destination':'c'}", "itself");
	REFUSED("move_file",
	    "{'source':'../ctx/f','destination':'../ctx/nested/f2'}",
	    "read-only");
	REFUSED("delete_file", "{'path':'../ctx/.git','recursive':true}",
	    "protected");
	REFUSED("delete_file", "{'path':'../only/one.txt'}", "itself");
	mkdir("ctx/sub", 0777);
	mkdir("ctx/sub/.git", 0777);
	spill("ctx/sub/.git/HEAD", "");
	spill("ctx/sub/f", "");
	REFUSED("delete_file", "{'path':'../ctx/sub','recursive':true}",
	    "nothing is deleted");
	HOLDS("ctx/sub/f", "");
	HOLDS("ctx/kept/f", "kept\n");
	OK("delete_file", "{'path':'../ctx/new','recursive':true}",
	    "\"file_count\":1");
	box_leave(box);
}

TEST(pieces_are_replaced)
{
	struct toolbox *box = box_enter(FILES);

	spill("ws/f", "one\ntwo\nthree\ntwo and a half\n");
	OK("edit_file",
	    "{'path':'f','dryRun':true,'edits':["
	    "{'oldText':'one','newText':'1'}]}",
	    "-one\n+1\n two\n");
	HOLDS("ws/f", "one\ntwo\nthree\ntwo and a half\n");
	OK("edit_file",
	    "{'path':'f','edits':[{'oldText':'one','newText':'1'},"
	    "{'oldText':'1\\ntwo\\n','newText':'1\\n2\\n'}]}",
	    "```diff\n--- f\n+++ f\n@@ -1,4 +1,4 @@\n-one\n-two\n+1\n+2\n");
	HOLDS("ws/f", "1\n2\nthree\ntwo and a half\n");
	REFUSED("edit_file",
	    "{'path':'f','edits':[{'oldText':'1','newText':'one'},"
	    "{'oldText':'four','newText':'4'}]}",
	    "edit 2 of 2: oldText is not in the file");
	REFUSED("edit_file",
	    "{'path':'f','edits':[{'oldText':'t','newText':'T'}]}",
	    "in the file 2 times");
	REFUSED("edit_file",
	    "{'path':'f','edits':[{'oldText':'','newText':'T'}]}",
	    "may not be empty");
	HOLDS("ws/f", "1\n2\nthree\ntwo and a half\n");
	OK("edit_file", "{'path':'f','edits':[{'oldText':'2','newText':'2'}]}",
	    "[no change]");
	spill("ws/dos", "a\r\nb\r\nc\r\n");
	OK("edit_file",
	    "{'path':'dos','edits':[{'oldText':'a\\nb',"
	    "'newText':'a\\nB'}]}",
	    "");
	HOLDS("ws/dos", "a\r\nB\r\nc\r\n");
	REFUSED("edit_file",
	    "{'path':'../ctx/f','edits':[{'oldText':'context',"
	    "'newText':''}]}",
	    "read-only");
	box_leave(box);
}

TEST(directories_are_made_and_things_moved)
{
	struct toolbox *box = box_enter(FILES);

	OK("create_directory", "{'path':'a/b/c'}", "Successfully created");
	OK("create_directory", "{'path':'a/b/c'}", "Successfully created");
	OK("create_directory", "{'path':'.'}", "Successfully created");
	REFUSED("create_directory", "{'path':'../d'}", "outside");
	spill("ws/a/f", "f");
	REFUSED("create_directory", "{'path':'a/f'}", "Not a directory");
	REFUSED("create_directory", "{'path':'a/f/g'}", "Not a directory");
	OK("move_file", "{'source':'a/f','destination':'new/g'}",
	    "Successfully moved a/f to new/g");
	HOLDS("ws/new/g", "f");
	spill("ws/a/f", "other");
	REFUSED("move_file", "{'source':'a/f','destination':'new/g'}",
	    "File exists");
	HOLDS("ws/new/g", "f");
	REFUSED("move_file", "{'source':'no','destination':'x'}", "No such");
	REFUSED("move_file", "{'source':'a','destination':'a/b/x'}",
	    "Invalid argument");
	REFUSED("move_file", "{'source':'.','destination':'x'}", "itself");
	REFUSED("move_file", "{'source':'../outside/secret','destination':'x'}",
	    "outside");
	REFUSED("move_file", "{'source':'a/f','destination':'../outside/x'}",
	    "outside");
	REFUSED("move_file",
	    "{'source':'../snapshots/agent1.1','destination':'x'}",
	    "read-only");
	REFUSED("move_file", "{'source':'../ctx/f','destination':'x'}",
	    "read-only");
	OK("move_file", "{'source':'a','destination':'../tmp/a'}", "");
	HOLDS("tmp/a/f", "other");
	box_leave(box);
}

/* --- copies --- */
