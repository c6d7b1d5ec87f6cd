// Interim/: a stand-in until SQLite/ and Memory/ land; whoever lands them deletes this folder.
