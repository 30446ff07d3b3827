/* agent-worker/tool/files: copied, deleted and compared. */

#include "tests/unit/tool_box.h"

#define FILES "\"files\":true"

TEST(files_are_copied)
{
	struct toolbox *box = box_enter(FILES);
	struct stat st;

	OK("copy_file",
	    "{'source_path':'../snapshots/agent1.1/seen.txt',"
	    "'destination_path':'in/seen.txt'}",
	    "\"type\":\"file\"");
	HOLDS("ws/in/seen.txt", "seen\n");
	REFUSED("copy_file",
	    "{'source_path':'../ctx/f','destination_path':'in/seen.txt'}",
	    "overwrite=true");
	OK("copy_file",
	    "{'source_path':'../ctx/f','destination_path':'in/seen.txt',"
	    "'overwrite':true}",
	    "\"size\":8");
	HOLDS("ws/in/seen.txt", "context\n");
	spill("ws/prog", "#!/bin/sh\n");
	CHECK_INT(chmod("ws/prog", 0750), 0);
	OK("copy_file", "{'source_path':'prog','destination_path':'prog2'}",
	    "");
	CHECK_INT(stat("ws/prog2", &st), 0);
	CHECK_INT(st.st_mode & 0777, 0750);
	REFUSED("copy_file",
	    "{'source_path':'../outside/secret','destination_path':'x'}",
	    "outside");
	REFUSED("copy_file",
	    "{'source_path':'prog','destination_path':'../ctx/x'}",
	    "read-only");
	CHECK_INT(symlink("../outside/secret", "ws/away"), 0);
	REFUSED("copy_file", "{'source_path':'away','destination_path':'x'}",
	    "link");
	REFUSED("copy_file",
	    "{'source_path':'prog','destination_path':'away',"
	    "'overwrite':true}",
	    "link");
	HOLDS("outside/secret", SECRET);
	box_leave(box);
}

TEST(directories_are_copied)
{
	struct toolbox *box = box_enter(FILES);

	OK("create_directory", "{'path':'d/e'}", "");
	spill("ws/d/a", "a");
	spill("ws/d/e/b", "b");
	CHECK_INT(symlink("../../outside/secret", "ws/d/away"), 0);
	OK("copy_file", "{'source_path':'d','destination_path':'copy'}",
	    "\"file_count\":2");
	HOLDS("ws/copy/a", "a");
	HOLDS("ws/copy/e/b", "b");
	CHECK_INT(names_in("ws/copy"), 2);
	REFUSED("copy_file", "{'source_path':'d','destination_path':'d/e/f'}",
	    "one is in the other");
	REFUSED("copy_file", "{'source_path':'d','destination_path':'copy'}",
	    "overwrite=true");
	spill("ws/copy/old", "old");
	OK("copy_file",
	    "{'source_path':'d','destination_path':'copy','overwrite':true}",
	    "");
	HOLDS("ws/copy/old", NULL);
	HOLDS("ws/copy/a", "a");
	REFUSED("copy_file",
	    "{'source_path':'d','destination_path':'.','overwrite':true}",
	    "one is in the other");
	REFUSED("copy_file",
	    "{'source_path':'d','destination_path':'../tmp',"
	    "'overwrite':true}",
	    "itself");
	box_leave(box);
}

TEST(batches_are_copied)
{
	struct toolbox *box = box_enter(FILES);

	OK("create_directory", "{'path':'d/e'}", "");
	spill("ws/d/a.py", "a");
	spill("ws/d/b.c", "b");
	spill("ws/d/e/c.py", "c");
	OK("copy_files_batch",
	    "{'source_base_path':'d','destination_base_path':'out',"
	    "'include_patterns':['*.py']}",
	    "\"summary\":{\"copied\":2,\"skipped\":0,\"errors\":0}");
	HOLDS("ws/out/a.py", "a");
	HOLDS("ws/out/e/c.py", "c");
	HOLDS("ws/out/b.c", NULL);
	OK("copy_files_batch",
	    "{'source_base_path':'d','destination_base_path':'out',"
	    "'exclude_patterns':['e/*']}",
	    "\"summary\":{\"copied\":1,\"skipped\":1,\"errors\":0}");
	OK("copy_files_batch",
	    "{'source_base_path':'d','destination_base_path':'d/in',"
	    "'overwrite':true}",
	    "\"copied\":3");
	CHECK_INT(symlink("../../outside", "ws/d/away"), 0);
	OK("copy_files_batch",
	    "{'source_base_path':'.','destination_base_path':'d/away',"
	    "'include_patterns':['b.c']}",
	    "\"copied\":0");
	CHECK_INT(names_in("outside"), 1);
	REFUSED(
	    "copy_files_batch", "{'source_base_path':'../outside'}", "outside");
	OK("copy_files_batch",
	    "{'source_base_path':'d','destination_base_path':'../ctx'}",
	    "\"copied\":0");
	CHECK_INT(names_in("ctx"), 4);
	box_leave(box);
}

/* --- deletion --- */

TEST(files_are_deleted)
{
	struct toolbox *box = box_enter(FILES);

	spill("ws/f", "12345");
	OK("create_directory", "{'path':'d/e'}", "");
	OK("create_directory", "{'path':'empty'}", "");
	OK("create_directory", "{'path':'.git'}", "");
	spill("ws/d/e/g", "");
	CHECK_INT(symlink("../outside", "ws/away"), 0);
	OK("delete_file", "{'path':'f'}",
	    "{\"success\":true,\"operation\":\"delete_file\",\"details\":"
	    "{\"type\":\"file\",\"path\":\"f\",\"size\":5}}");
	REFUSED("delete_file", "{'path':'f'}", "No such file");
	REFUSED("delete_file", "{'path':'d'}", "use recursive=true");
	OK("delete_file", "{'path':'empty'}", "\"directory\"");
	OK("delete_file", "{'path':'d','recursive':true}", "\"file_count\":1");
	REFUSED("delete_file", "{'path':'.','recursive':true}", "itself");
	REFUSED("delete_file", "{'path':'..','recursive':true}", "outside");
	REFUSED("delete_file", "{'path':'../ctx','recursive':true}", "itself");
	REFUSED("delete_file", "{'path':'.git','recursive':true}", "kept");
	REFUSED("delete_file", "{'path':'../ctx/f'}", "read-only");
	REFUSED("delete_file", "{'path':'away/secret'}", "link");
	OK("delete_file", "{'path':'away','recursive':true}", "");
	HOLDS("outside/secret", SECRET);
	CHECK_INT(names_in("ws"), 1);
	box_leave(box);
}

TEST(batches_are_deleted)
{
	struct toolbox *box = box_enter(FILES);

	OK("create_directory", "{'path':'d/__pycache__'}", "");
	OK("create_directory", "{'path':'d/e'}", "");
	spill("ws/d/a.pyc", "");
	spill("ws/d/__pycache__/b.pyc", "");
	spill("ws/d/e/c.pyc", "");
	spill("ws/d/e/c.py", "");
	OK("delete_files_batch",
	    "{'base_path':'d','include_patterns':['*.pyc']}",
	    "\"summary\":{\"deleted\":2,\"skipped\":1,\"errors\":0}");
	HOLDS("ws/d/__pycache__/b.pyc", "");
	HOLDS("ws/d/e/c.py", "");
	HOLDS("ws/d/a.pyc", NULL);
	OK("delete_files_batch", "{'base_path':'../ctx'}", "\"deleted\":0");
	CHECK_INT(names_in("ctx"), 4);
	REFUSED("delete_files_batch", "{'base_path':'../outside'}", "outside");
	box_leave(box);
}

/* --- comparison --- */

TEST(files_are_compared)
{
	struct toolbox *box = box_enter(FILES);

	spill("ws/a", "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
	spill("ws/b", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n");
	OK("compare_files", "{'file1':'a','file2':'a'}",
	    "\"identical\":true,\"diff\":\"\",\"stats\":{\"added\":0,"
	    "\"removed\":0,\"changed\":0}");
	OK("compare_files", "{'file1':'a','file2':'b'}",
	    "\"identical\":false,\"diff\":\"--- a\\n+++ b\\n@@ -2,8 +2,9 @@"
	    "\\n 2\\n 3\\n 4\\n-5\\n+five\\n 6\\n 7\\n 8\\n 9\\n+10\\n\"");
	OK("compare_files", "{'file1':'a','file2':'b','context_lines':0}",
	    "@@ -5,1 +5,1 @@\\n-5\\n+five\\n@@ -9,0 +10,1 @@\\n+10\\n");
	REFUSED("compare_files", "{'file1':'a','file2':'../outside/secret'}",
	    "outside");
	box_leave(box);
}

TEST(directories_are_compared)
{
	struct toolbox *box = box_enter(FILES);

	OK("create_directory", "{'path':'a/d'}", "");
	OK("create_directory", "{'path':'b/d'}", "");
	spill("ws/a/same", "s");
	spill("ws/b/same", "s");
	spill("ws/a/one", "");
	spill("ws/b/two", "");
	spill("ws/a/d/f", "x\n");
	spill("ws/b/d/f", "y\n");
	OK("compare_directories", "{'dir1':'a','dir2':'b'}",
	    "{\"only_in_dir1\":[\"one\"],\"only_in_dir2\":[\"two\"],"
	    "\"different\":[\"d/f\"],\"identical\":[\"same\"]}");
	OK("compare_directories",
	    "{'dir1':'a','dir2':'b','show_content_diff':true}",
	    "\"content_diffs\":{\"d/f\":\"--- dir1/d/f\\n+++ dir2/d/f\\n"
	    "@@ -1,1 +1,1 @@\\n-x\\n+y\\n\"}");
	REFUSED("compare_directories", "{'dir1':'a','dir2':'..'}", "outside");
	box_leave(box);
}

/* --- what needs no files --- */
