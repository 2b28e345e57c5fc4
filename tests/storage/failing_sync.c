/* Preloaded into a server: fsync and fdatasync fail with EIO as the file named by FAILING_SYNC says.

   What that holds is `1` (the next one, and then the file is gone) or `*` (all), and what the path of the
   synced file ends with. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int refused(int fd)
{
    const char *control = getenv("FAILING_SYNC");
    char link[64], path[4096], wanted[256];
    int file = control ? open(control, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return 0;
    ssize_t length = read(file, wanted, sizeof wanted - 1);
    close(file);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t found = readlink(link, path, sizeof path - 1);
    if (length < 2 || found < length - 1)
        return 0;
    wanted[length] = path[found] = 0;
    if (strcmp(path + found - (length - 1), wanted + 1) != 0)
        return 0;
    if (wanted[0] == '1' && unlink(control) != 0)
        return 0; /* somebody else's was the next one */
    errno = EIO;
    return 1;
}

int fsync(int fd)
{
    return refused(fd) ? -1 : ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}

int fdatasync(int fd)
{
    return refused(fd) ? -1 : ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
