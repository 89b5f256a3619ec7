/* meter: what the measures need to be exact about, in one small program.
 *
 *   meter run COMMAND...      COMMAND as PID 1 of fresh PID and mount namespaces; writes "exec", "end"
 *   meter ping N COMMAND...   the same; sends SIGUSR1 to PID 1 N times and waits for `pong` each time; writes each "ping"
 *   meter drain PID           continues PID and waits until its zombies are gone; writes "drain"
 * As the app:
 *   meter now                 writes "now" and ends
 *   meter hold                writes "now" and stays
 *   meter storm N             makes N orphans, waits until all are reaped; writes "storm"
 *   meter zombies N           waits until PID 1 is stopped, makes N orphans; writes "made"; stays
 *   meter orphans N           makes N orphans; writes "orphans" and ends
 *   meter talk MB             writes so many million bytes to stdout, in numbered lines of 200; writes "talk"
 *   meter pong                one byte to the descriptor $METER_PONG for each SIGUSR1
 *
 * A line is "WORD NANOSECONDS\n", appended to the file $METER: a time of CLOCK_MONOTONIC, or a span of it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "meter: %s: %s\n", what, strerror(errno));
    _exit(99);
}

static int output = -1;

static void open_output(void)
{
    const char *path = getenv("METER");
    output = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666) : dup(1);
    if (output < 0)
        die("METER");
}

static void say(const char *word, long long value)
{
    char line[80];
    int n = snprintf(line, sizeof line, "%s %lld\n", word, value);
    if (write(output, line, n) != n)
        die("write");
}

/* Forks COMMAND as PID 1; returns its pid out here. */
static pid_t start(char **command)
{
    pid_t pid;
    if (unshare(CLONE_NEWPID | CLONE_NEWNS))
        die("unshare");
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
        die("private");
    pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        if (mount("proc", "/proc", "proc", 0, NULL))
            die("proc");
        say("exec", now());
        execvp(command[0], command);
        die(command[0]);
    }
    return pid;
}

static int run(char **command)
{
    int status;
    pid_t pid = start(command);
    say("pid", pid);
    if (waitpid(pid, &status, 0) != pid)
        die("waitpid");
    say("end", now());
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int ping(int n, char **command)
{
    int ends[2];
    char byte, number[12];
    pid_t pid;
    if (pipe(ends))
        die("pipe");
    snprintf(number, sizeof number, "%d", ends[1]);
    setenv("METER_PONG", number, 1);
    pid = start(command);
    close(ends[1]);
    if (read(ends[0], &byte, 1) != 1)
        die("no pong");
    for (int i = 0; i < n; i++) {
        long long then = now();
        kill(pid, SIGUSR1);
        if (read(ends[0], &byte, 1) != 1)
            die("no pong");
        say("ping", now() - then);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return 0;
}

static int pong(void)
{
    int end = atoi(getenv("METER_PONG"));
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    do {
        if (write(end, "", 1) != 1)
            return 1;
    } while (sigwaitinfo(&set, NULL) == SIGUSR1);
    return 1;
}

/* How many children a process has, as far as 4 kB of them tell; proc(5), /proc/PID/task/TID/children. */
static int children(pid_t pid)
{
    char path[64], text[4096];
    int fd, n, found = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    fd = open(path, O_RDONLY);
    if (fd < 0)
        die(path);
    n = read(fd, text, sizeof text);
    close(fd);
    for (int i = 0; i < n; i++)
        found += text[i] == ' ';
    return found;
}

static void nap(void)
{
    struct timespec t = {0, 200000};
    nanosleep(&t, NULL);
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
}

static int storm(int n)
{
    int before = children(1);
    long long then = now();
    orphans(n);
    while (children(1) > before)
        nap();
    say("storm", now() - then);
    return 0;
}

static char state_of_init(void)
{
    char text[256] = "", *end;
    int fd = open("/proc/1/stat", O_RDONLY);
    if (fd < 0 || read(fd, text, sizeof text - 1) < 1)
        die("/proc/1/stat");
    close(fd);
    end = strrchr(text, ')');
    return end ? end[2] : '?';
}

static void zombies(int n)
{
    say("now", now());
    while (state_of_init() != 'T')
        nap();
    orphans(n);
    say("made", now());
    for (;;)
        pause();
}

/* In blocks of 4,000, as a program writes whose stdout is a pipe. */
static int talk(long long megabytes)
{
    char block[4001];
    long long number = 0, began = now(), blocks = megabytes * 1000000 / 4000;
    for (int line = 0; line < 20; line++)
        sprintf(block + 200 * line, "%010d %0188d\n", 0, 0);
    for (; blocks > 0; blocks--) {
        for (int line = 0; line < 20; line++) { /* sprintf would be slower than who reads */
            long long rest = number++;
            for (char *digit = block + 200 * line + 9; digit >= block + 200 * line; digit--, rest /= 10)
                *digit = '0' + rest % 10;
        }
        for (int done = 0, n; done < 4000; done += n)
            if ((n = write(1, block + done, 4000 - done)) < 0)
                die("stdout");
    }
    say("talk", now() - began);
    return 0;
}

static int drain(pid_t pid)
{
    long long then = now();
    kill(pid, SIGCONT);
    while (children(pid) > 1)
        nap();
    say("drain", now() - then);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    long long first = now();
    open_output();
    if (!strcmp(what, "run") && argc > 2)
        return run(argv + 2);
    if (!strcmp(what, "ping") && argc > 3)
        return ping(atoi(argv[2]), argv + 3);
    if (!strcmp(what, "drain") && argc > 2)
        return drain(atoi(argv[2]));
    if (!strcmp(what, "now")) {
        say("now", first);
        say("bye", now());
        _exit(0);
    }
    if (!strcmp(what, "hold")) {
        say("now", first);
        for (;;)
            pause();
    }
    if (!strcmp(what, "storm") && argc > 2)
        return storm(atoi(argv[2]));
    if (!strcmp(what, "orphans") && argc > 2) {
        orphans(atoi(argv[2]));
        say("orphans", now());
        return 0;
    }
    if (!strcmp(what, "talk") && argc > 2)
        return talk(atoll(argv[2]));
    if (!strcmp(what, "zombies") && argc > 2)
        zombies(atoi(argv[2]));
    if (!strcmp(what, "pong"))
        return pong();
    fprintf(stderr, "usage: see the head of meter.c\n");
    return 2;
}
