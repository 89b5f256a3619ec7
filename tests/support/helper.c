/* What the tests need of a process that is no interpreter, has no locale and no handlers of its own.
 *
 *   helper dump                 all that a process inherits, as lines (principle 4 of the design)
 *   helper odd COMMAND...       COMMAND, started with a mask, dispositions, descriptors, limits ... that are not usual
 *   helper app NAME [KEY=N...]  says "NAME started", then "NAME got N" for each signal; SIGTERM ends it with code=N
 *                               (default 0), after delay=MS; ignore=N only says that signal, ends=N is one more that ends it
 *   helper orphans N            leaves N orphans that end at once, says "made", and reaps nothing of theirs
 *   helper leave NAME COMMAND.. COMMAND as an orphan of its own session, then ends
 *   helper stamp NAME [CODE [MS]]  says "NAME SECONDS" of the monotonic clock, and ends with CODE after MS
 *   helper fault                touches memory that is not its own
 *   helper fill                 writes to stderr until it is full, says "full", then waits for a signal
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
    fprintf(stderr, "helper: %s: %s\n", what, strerror(errno));
    _exit(99);
}

/* Each line of a file, with a label before it. */
static void file(const char *label, const char *path)
{
    char line[4096];
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        printf("%s: %s", label, line);
    if (f)
        fclose(f);
}

static void status_lines(void)
{
    static const char *wanted[] = {"Umask", "Uid", "Gid", "Groups", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt",
                                   "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
                                   "Cpus_allowed", "Mems_allowed", "CoreDumping", "THP_enabled", NULL};
    char line[4096];
    FILE *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof line, f))
        for (const char **w = wanted; *w; w++)
            if (!strncmp(line, *w, strlen(*w)) && line[strlen(*w)] == ':')
                printf("%s", line);
    if (f)
        fclose(f);
}

/* Without a /proc: what the kernel tells by calls. */
static void called(void)
{
    static const int asked[] = {PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP, PR_GET_CHILD_SUBREAPER};
    struct {
        unsigned version;
        int pid;
    } header = {0x20080522, 0}; /* capget(2) */
    unsigned capabilities[6] = {0};
    uid_t u[3];
    gid_t g[3], groups[1024];
    sigset_t blocked, pending;
    struct rlimit limit;
    mode_t mask = umask(0);
    umask(mask);
    if (getresuid(u, u + 1, u + 2) || getresgid(g, g + 1, g + 2) || sigprocmask(SIG_BLOCK, NULL, &blocked) ||
        sigpending(&pending) || syscall(SYS_capget, &header, capabilities))
        die("calls");
    printf("call umask: %o\ncall uids: %u %u %u\ncall gids: %u %u %u\ncall groups:", mask, u[0], u[1], u[2], g[0], g[1], g[2]);
    for (int i = 0, n = getgroups(1024, groups); i < n; i++)
        printf(" %u", groups[i]);
    printf("\ncall capabilities:");
    for (int i = 0; i < 6; i++)
        printf(" %08x", capabilities[i]);
    for (int n = 1; n <= 64; n++)
        if (sigismember(&blocked, n) > 0 || sigismember(&pending, n) > 0)
            printf("\ncall signal %d: blocked %d pending %d", n, sigismember(&blocked, n), sigismember(&pending, n));
    for (int n = 0; getrlimit(n, &limit) == 0; n++)
        printf("\ncall limit %d: %lu %lu", n, (unsigned long)limit.rlim_cur, (unsigned long)limit.rlim_max);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        int value = 0, given = asked[i] == PR_GET_CHILD_SUBREAPER;
        int got = prctl(asked[i], given ? &value : 0, 0, 0, 0);
        printf("\ncall prctl %d: %d", asked[i], got < 0 ? -errno : given ? value : got);
    }
    printf("\n");
}

static void descriptors(void)
{
    char path[64], target[4096], info[4096];
    struct stat kind;
    for (int fd = 0; fd < 1024; fd++) {
        int flags = fcntl(fd, F_GETFD), n;
        if (flags < 0)
            continue;
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        n = readlink(path, target, sizeof target - 1);
        if (n < 0 && fstat(fd, &kind) == 0)
            n = snprintf(target, sizeof target, "mode %o device %lx", kind.st_mode, (unsigned long)kind.st_rdev);
        target[n > 0 ? n : 0] = 0;
        printf("fd %d: %s flags %d status %o", fd, target, flags, fcntl(fd, F_GETFL));
        snprintf(info, sizeof info, " offset %ld\n", (long)lseek(fd, 0, SEEK_CUR));
        printf("%s", info);
    }
}

static void dump(char **argv)
{
    char cwd[4096];
    extern char **environ;
    struct sigaction action;
    setvbuf(stdout, NULL, _IOFBF, 1 << 20);
    for (int i = 0; argv[i]; i++)
        printf("argument %d: %s\n", i, argv[i]);
    for (int i = 0; environ[i]; i++)
        printf("environment %d: %s\n", i, environ[i]);
    descriptors();
    called();
    status_lines();
    for (int n = 1; n <= 64; n++)
        if (sigaction(n, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
            printf("signal %d: %s\n", n, action.sa_handler == SIG_IGN ? "ignored" : "handled");
    printf("cwd: %s\n", getcwd(cwd, sizeof cwd) ? cwd : strerror(errno));
    printf("nice: %d\n", getpriority(PRIO_PROCESS, 0));
    printf("slack: %d\n", prctl(PR_GET_TIMERSLACK));
    printf("dumpable: %d\n", prctl(PR_GET_DUMPABLE));
    printf("keepcaps: %d\n", prctl(PR_GET_KEEPCAPS));
    printf("securebits: %d\n", prctl(PR_GET_SECUREBITS));
    printf("tty: %s\n", ttyname(0) ? ttyname(0) : "none");
    printf("leader: %s\n", getsid(0) == getpid() ? "yes" : "no");
    file("limits", "/proc/self/limits");
    file("oom_score_adj", "/proc/self/oom_score_adj");
    file("cgroup", "/proc/self/cgroup");
    file("personality", "/proc/self/personality");
    file("coredump_filter", "/proc/self/coredump_filter");
    fflush(stdout);
}

static void odd(char **command)
{
    char *environment[] = {"A=1", "A=2", "B.c-d=x y", "no-equals", "=empty", "PYTHONPATH=/nowhere", "PATH=/usr/bin:/bin",
                           "BYTES=\xff\xfe", "LANG=", "TERM=", NULL};
    static const int blocked[] = {SIGUSR1, SIGHUP, SIGWINCH, SIGCHLD, SIGTERM, SIGTSTP};
    static const int ignored[] = {SIGHUP, SIGCHLD, SIGUSR2, SIGTTOU, SIGINT};
    struct rlimit limit = {123, 456};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof blocked / sizeof *blocked; i++)
        sigaddset(&set, blocked[i]);
    sigaddset(&set, SIGRTMIN + 5);
    sigprocmask(SIG_SETMASK, &set, NULL);
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    close(0);
    if (dup2(1, 7) != 7 || open("/etc/passwd", O_RDONLY | O_CLOEXEC) != 0 || dup2(0, 9) != 9 || close(0))
        die("descriptors");
    umask(0137);
    if (setrlimit(RLIMIT_NOFILE, &limit) || chdir("/usr/share"))
        die("limits");
    limit.rlim_cur = 0;
    setrlimit(RLIMIT_CORE, &limit);
    setpriority(PRIO_PROCESS, 0, 5);
    prctl(PR_SET_TIMERSLACK, 12345UL);
    execvpe(command[0], command, environment);
    die(command[0]);
}

static void say(const char *name, const char *what, int number)
{
    char line[256];
    int n = number < 0 ? snprintf(line, sizeof line, "%s %s\n", name, what)
                       : snprintf(line, sizeof line, "%s %s %d\n", name, what, number);
    if (write(1, line, n) != n)
        die("stdout");
}

static void app(char **argv)
{
    const char *name = argv[0];
    int code = 0, delay = 0, ends[65] = {[SIGTERM] = 1};
    sigset_t all;
    for (argv++; *argv; argv++) {
        const char *value = strchr(*argv, '=');
        int n = value ? atoi(value + 1) : 0;
        if (!strncmp(*argv, "code=", 5))
            code = n;
        else if (!strncmp(*argv, "delay=", 6))
            delay = n;
        else if (!strncmp(*argv, "ignore=", 7))
            ends[n] = 0;
        else if (!strncmp(*argv, "ends=", 5))
            ends[n] = 1;
        else
            die(*argv);
    }
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    say(name, "started", -1);
    for (;;) {
        int number = sigwaitinfo(&all, NULL);
        if (number < 0)
            continue;
        say(name, "got", number);
        if (ends[number]) {
            poll(NULL, 0, delay);
            say(name, "ends", -1);
            _exit(code);
        }
    }
}

static void orphans(int n)
{
    for (int i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid < 0)
            die("fork");
        if (pid == 0) {
            if (fork() < 0)
                die("fork");
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
    say("orphans", "made", n);
}

static void leave(char **argv)
{
    int ready[2];
    char byte;
    if (pipe2(ready, O_CLOEXEC))
        die("pipe");
    if (fork() == 0) {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, NULL); /* what is sent before the app looks must wait for it */
        setsid();
        execvp(argv[1], argv + 1);
        die(argv[1]);
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 0)
        die("read");
    say(argv[0], "left", -1);
}

static void stamp(char **argv)
{
    struct timespec now;
    char line[256];
    int n;
    clock_gettime(CLOCK_MONOTONIC, &now);
    n = snprintf(line, sizeof line, "%s %ld.%03ld\n", argv[0], (long)now.tv_sec, now.tv_nsec / 1000000);
    if (write(1, line, n) != n)
        die("stdout");
    if (argv[1] && argv[2])
        poll(NULL, 0, atoi(argv[2]));
    _exit(argv[1] ? atoi(argv[1]) : 0);
}

static void fill(void)
{
    sigset_t set;
    char junk[4096];
    memset(junk, '.', sizeof junk);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct pollfd p = {2, POLLOUT, 0};
    while (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT))
        if (write(2, junk, sizeof junk) < 0)
            die("stderr");
    say("fill", "full", -1);
    sigwaitinfo(&set, NULL);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (!strcmp(what, "dump"))
        dump(argv);
    else if (!strcmp(what, "odd") && argc > 2)
        odd(argv + 2);
    else if (!strcmp(what, "app") && argc > 2)
        app(argv + 2);
    else if (!strcmp(what, "orphans") && argc > 2)
        orphans(atoi(argv[2]));
    else if (!strcmp(what, "leave") && argc > 3)
        leave(argv + 2);
    else if (!strcmp(what, "stamp") && argc > 2)
        stamp(argv + 2);
    else if (!strcmp(what, "fill"))
        fill();
    else if (!strcmp(what, "fault"))
        *(volatile int *)8 = 0;
    else {
        fprintf(stderr, "usage: see the head of helper.c\n");
        return 2;
    }
    return 0;
}
