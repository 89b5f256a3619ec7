/* The programs of the comparison's days. Each says what happens to it in /out/log, a line of at most PIPE_BUF bytes, with
 * the milliseconds of the monotonic clock before it, whatever its init does with stdout.
 *
 *   app NAME [KEY=N...]     says "NAME started", then "NAME got N" for each signal; SIGTERM ends it
 *       flush=MS            has a buffer that needs so long: after SIGTERM it says "NAME flushed", and ends
 *       after=MS            ends of its own accord after so long, with
 *       exit=N              this code (default 0), or
 *       fault=1             by touching memory that is not its own
 *       serve=PORT          answers HTTP on 127.0.0.1
 *       orphans=N           leaves N orphans that end at once, says "NAME made", and reaps none of them
 *       leave=1             leaves a process called rest behind that needs 300 ms for its buffer
 *   app ask PORT            0 if that port answers within half a second, else 1
 *   app stamp COMMAND...    says "stamp", and becomes COMMAND: what an init is started with, to see when it was
 *   app step CODE           says "step", and ends with CODE: an init step
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void say(const char *format, ...)
{
    char text[256], line[320];
    va_list rest;
    va_start(rest, format);
    vsnprintf(text, sizeof text, format, rest);
    va_end(rest);
    int length = snprintf(line, sizeof line, "%.3f %s\n", now(), text);
    int fd = open("/out/log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, line, length) != length)
        _exit(99);
    close(fd);
}

static int number(int argc, char **argv, const char *key, int otherwise)
{
    size_t length = strlen(key);
    for (int i = 2; i < argc; i++)
        if (!strncmp(argv[i], key, length) && argv[i][length] == '=')
            return atoi(argv[i] + length + 1);
    return otherwise;
}

static struct sockaddr_in here(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int serve(int port)
{
    struct sockaddr_in address = here(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 64))
        _exit(98);
    return fd;
}

static void answer(int listening)
{
    char request[1024];
    static const char text[] = "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, request, sizeof request) > 0 && write(fd, text, sizeof text - 1) < 0)
        say("nobody wanted the answer");
    close(fd);
}

static int ask(int port)
{
    struct sockaddr_in address = here(port);
    struct timeval half = {.tv_usec = 500000};
    char text[64];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &half, sizeof half);
    return connect(fd, (struct sockaddr *)&address, sizeof address) || write(fd, "GET / HTTP/1.0\r\n\r\n", 18) != 18
        || read(fd, text, sizeof text) <= 0;
}

static void orphans(const char *name, int count)
{
    pid_t parent = fork();
    if (parent == 0) {
        for (int i = 0; i < count; i++)
            if (fork() == 0)
                _exit(0);
        _exit(0);
    }
    waitpid(parent, NULL, 0);
    say("%s made", name);
}

static int app(int argc, char **argv)
{
    const char *name = argv[1];
    int after = number(argc, argv, "after", 0), port = number(argc, argv, "serve", 0);
    sigset_t all;
    struct signalfd_siginfo info;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    struct pollfd wait[2] = {{signalfd(-1, &all, SFD_CLOEXEC), POLLIN, 0}, {-1, POLLIN, 0}};
    if (port)
        wait[1].fd = serve(port);
    say("%s started", name);
    if (number(argc, argv, "leave", 0) && fork() == 0) {
        char *rest[] = {argv[0], "rest", "flush=300", NULL};
        execv("/proc/self/exe", rest);
        _exit(97);
    }
    if (number(argc, argv, "orphans", 0))
        orphans(name, number(argc, argv, "orphans", 0));
    double end = now() + after;
    for (;;) {
        int left = after ? (end > now() ? (int)(end - now()) + 1 : 0) : -1;
        if (poll(wait, 2, left) == 0)
            break;
        if (wait[1].revents)
            answer(wait[1].fd);
        if (wait[0].revents && read(wait[0].fd, &info, sizeof info) == sizeof info) {
            if (info.ssi_signo == SIGCHLD && info.ssi_code > 0)
                continue; /* the kernel's, of a child that has ended */
            say("%s got %d", name, info.ssi_signo);
            if (info.ssi_signo == SIGTERM) {
                usleep(1000 * number(argc, argv, "flush", 0));
                say("%s flushed", name);
                return 0;
            }
        }
    }
    say("%s ends", name);
    if (number(argc, argv, "fault", 0))
        *(volatile int *)8 = 1;
    return number(argc, argv, "exit", 0);
}

int main(int argc, char **argv)
{
    if (argc > 2 && !strcmp(argv[1], "ask"))
        return ask(atoi(argv[2]));
    if (argc > 2 && !strcmp(argv[1], "step")) {
        say("step");
        return atoi(argv[2]);
    }
    if (argc > 2 && !strcmp(argv[1], "stamp")) {
        say("stamp");
        execvp(argv[2], argv + 2);
        return 127;
    }
    return argc > 1 ? app(argc, argv) : 2;
}
