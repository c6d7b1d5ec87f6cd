// Two functions of glibc (2.34 and later) that <spawn.h> declares for _GNU_SOURCE only, without which Swift's
// Glibc module is built. The first parameter is a posix_spawn_file_actions_t *; it is untyped here, because
// including <spawn.h> would make this module, too, the home of types that Swift knows from Glibc.

int posix_spawn_file_actions_addchdir_np(void *actions, const char *path);
int posix_spawn_file_actions_addclosefrom_np(void *actions, int from);
