/* A kernel that is not there: preloaded into a program, it gives it a clock that is wrong, time that passes at once, and NTP
 * servers that answer.
 *
 * The program runs as it is released. Time stands still while it works and jumps to the next event when it waits, so that an
 * hour takes milliseconds. What is modeled is what an NTP client uses: the clocks, clock_adjtime(2), waiting (epoll, sleep),
 * UDP sockets with the kernel's timestamps. Whatever else the program asks for, it gets from the real system; the real clock
 * is never touched, as no call that could do so is passed on. One thread only.
 *
 * Environment: KERNEL_EPOCH (where true time begins, in Unix seconds; 2030-01-01), KERNEL_OFFSET (s), KERNEL_DRIFT (ppm),
 * KERNEL_WANDER (1/s per square root of a second), KERNEL_DELAY (s, each way), KERNEL_JITTER (s, the mean of an exponential
 * added to it), KERNEL_MIDNIGHT (when the first day of true time ends, in seconds; 86400), KERNEL_LEAP (if set, it ends with a
 * leap second), KERNEL_ANNOUNCE (if set, servers announce a leap second on that day), KERNEL_SILENT (from this second of true time
 * on servers do not answer), KERNEL_SEED, KERNEL_SECONDS (then SIGTERM is raised), KERNEL_SET (AT:BY[,AT:BY...]: another program
 * adds BY seconds to the clock AT seconds after the start), KERNEL_SUSPEND (AT:SPAN:GAINED[,...]: the machine sleeps for SPAN
 * seconds, of which its real-time clock counts GAINED too many, for the clock and for CLOCK_BOOTTIME alike), KERNEL_LOG: a file that gets for each second of true time the error of
 * the clock (s) and of its rate, STA_ flags, maxerror (us), and TAI - UTC (s).
 *
 * KERNEL_FOUND (ppm) is the rate that a program before has left in the kernel. KERNEL_DISK (s):
 * the time that each fsync takes; it passes for the main thread only if that is the one that calls it.
 * KERNEL_RIVAL="at:ppm[:every]" is another program that steers: at this time, and then again after every so many seconds, it
 * sets frequency and tick.
 *
 * Addresses from 198.51.100.1 on are servers with the true time, those from 198.51.100.200 on are wrong by 50 ms. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <math.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

enum { SOCKETS = 1024, PACKETS = 8, NTP = 48, TICK = 10000 };
#define NTP_EPOCH 2208988800.0L       /* 1970 in the seconds of NTP */

struct packet {
    long double arrival, stamp; /* true time; the clock's reading then, once it has arrived */
    bool arrived;
    struct sockaddr_in from;
    unsigned char octets[NTP];
};

struct udp {
    bool open, sent, bound;
    long double sent_at;
    uint32_t number;
    uint16_t port;
    struct packet packets[PACKETS];
    int count;
};

static struct udp table[SOCKETS];
static long double now, real, mono, raw; /* true time, and the three clocks' */
static long double asleep;               /* what only CLOCK_BOOTTIME has counted */
static long double physical;             /* the error of the rate as it would be unsteered */
static long tick = TICK, frequency, status = STA_UNSYNC, maxerror = 16000000, esterror = 16000000;
static int tai;
static long settings, repetitions; /* of tick and frequency together */
static long double epoch; /* Unix seconds */
static double wander, delay, jitter, seconds, silent, midnight;
static uint64_t random_state;
static FILE *log_file;
static bool ready, ended, leap, leapt, announce;
static double disk, rival_at = -1, rival_ppm, rival_every;

static void run_at(double ppm) {
    long ticks = labs((long)ppm) <= 500 ? 0 : lround(ppm / 100);
    tick = TICK + ticks;
    frequency = lround((ppm - ticks * 100.0) * 65536);
}

#define REAL(name) static __typeof__(name) *name##_real; \
    if (!name##_real) name##_real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static void fail(const char *what) {
    fprintf(stderr, "the preloaded kernel does not have %s\n", what);
    abort();
}

static double setting(const char *name, double otherwise) {
    const char *text = getenv(name);
    return text ? strtod(text, NULL) : otherwise;
}

static void prepare(void) {
    if (ready) return;
    ready = true;
    epoch = setting("KERNEL_EPOCH", 1893456000);
    real = setting("KERNEL_OFFSET", 0);
    physical = setting("KERNEL_DRIFT", 0) * 1e-6;
    wander = setting("KERNEL_WANDER", 0);
    delay = setting("KERNEL_DELAY", 1e-4);
    jitter = setting("KERNEL_JITTER", 0);
    leap = getenv("KERNEL_LEAP");
    disk = setting("KERNEL_DISK", 0);
    run_at(setting("KERNEL_FOUND", 0));
    const char *rival = getenv("KERNEL_RIVAL");
    if (rival) sscanf(rival, "%lf:%lf:%lf", &rival_at, &rival_ppm, &rival_every);
    announce = leap || getenv("KERNEL_ANNOUNCE");
    silent = setting("KERNEL_SILENT", INFINITY);
    midnight = setting("KERNEL_MIDNIGHT", 86400);
    seconds = setting("KERNEL_SECONDS", 3600);
    random_state = (uint64_t)setting("KERNEL_SEED", 1) * 2654435769u + 1;
    const char *path = getenv("KERNEL_LOG");
    log_file = path ? fopen(path, "w") : NULL;
}

/* --- chance: splitmix64 ------------------------------------------------------------------------------------------------ */
static uint64_t chance(void) {
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
static double uniform(void) { return ((chance() >> 11) + 1) / 9007199254740993.0; }
static double exponential(double mean) { return mean > 0 ? -mean * log(uniform()) : 0; }
static double normal(void) { return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform()); }

ssize_t getrandom(void *room, size_t length, unsigned flags) {
    (void)flags;
    prepare();
    for (size_t place = 0; place < length; place++) ((unsigned char *)room)[place] = (unsigned char)(chance() >> 56);
    return (ssize_t)length;
}

/* --- clocks ------------------------------------------------------------------------------------------------------------ */
static long double rate(void) { return (1 + physical) * ((long double)tick / TICK + frequency / 65536e6L); }

/* What a good clock shows: during a leap second it repeats the second before. */
static long double utc(long double time) { return leap && time >= midnight ? time - 1 : time; }

/* Lets true time pass until `then`, of which nothing but an arrival or a whole second may come before. */
static void pass(long double then) {
    long double span = then - now;
    real += span * rate();
    mono += span * rate();
    raw += span * (1 + physical);
    now = then;
    if (status & STA_INS && !leapt && real >= midnight && real < midnight + 1) leapt = true, real -= 1, tai += 1;
}

/* Another program sets the clock, if it is to do so by now. */
static void be_set(void) {
    static int done;
    int place = 0;
    const char *text = getenv("KERNEL_SET");
    for (; text; place++) {
        char *rest;
        double at = strtod(text, &rest), by = *rest == ':' ? strtod(rest + 1, &rest) : 0;
        if (place == done && now >= at) {
            done++;
            real += by;
            status |= STA_UNSYNC;
            maxerror = 16000000;
        }
        text = *rest == ',' ? rest + 1 : NULL;
    }
}

/* The machine sleeps, if it is to do so by now. */
static void sleep_and_resume(void) {
    static int done;
    int place = 0;
    const char *text = getenv("KERNEL_SUSPEND");
    for (; text; place++) {
        double at, span, gained;
        if (sscanf(text, "%lf:%lf:%lf", &at, &span, &gained) != 3) fail("such a suspend");
        if (place == done && now >= at) {
            done++;
            now += span;
            real += span + gained;
            asleep += span + gained;
        }
        text = strchr(text, ',');
        if (text) text++;
    }
}

static void second(void) {
    sleep_and_resume();
    be_set();
    if (log_file) fprintf(log_file, "%.0Lf %.9Lf %.12Lf %ld %ld %d\n", now, real - utc(now), rate() - 1, status, maxerror, tai);
    if (wander > 0) physical += wander * normal();
    if (maxerror < 16000000) maxerror += 500;
    if (rival_at >= 0 && now + 1e-6L >= rival_at) {
        run_at(rival_ppm);
        rival_at = rival_every > 0 ? rival_at + rival_every : -1;
    }
    if (now >= seconds && !ended) {
        ended = true;
        if (log_file) fflush(log_file);
        fprintf(stderr, "frequency: %ld settings, %ld repetitions\n", settings, repetitions);
        raise(SIGTERM);
    }
}

static void arrive(struct packet *packet, int descriptor) {
    packet->arrived = true;
    packet->stamp = real;
    uint64_t one = 1;
    if (write(descriptor, &one, sizeof one) != sizeof one) fail("room for an event");
}

/* Lets true time pass until `then` or until something arrives; says which. */
static bool wait_until(long double then) {
    long double next = floorl(now + 1e-9L) + 1;
    struct packet *first = NULL;
    int owner = 0;
    for (int place = 0; place < SOCKETS; place++)
        for (int index = 0; index < table[place].count; index++) {
            struct packet *packet = &table[place].packets[index];
            if (!packet->arrived && (!first || packet->arrival < first->arrival)) first = packet, owner = place;
        }
    if (first && first->arrival <= then && first->arrival < next) {
        pass(fmaxl(first->arrival, now));
        arrive(first, owner);
        return true;
    }
    if (next <= then) {
        pass(next);
        second();
        return ended;
    }
    pass(fmaxl(then, now));
    return true;
}

static struct timespec spec(long double value) {
    long double whole = floorl(value);
    return (struct timespec){.tv_sec = (time_t)whole, .tv_nsec = (long)((value - whole) * 1e9L)};
}

int clock_gettime(clockid_t clock, struct timespec *to) {
    prepare();
    switch (clock) {
    case CLOCK_REALTIME: case CLOCK_REALTIME_COARSE: *to = spec(epoch + real); return 0;
    case CLOCK_MONOTONIC: case CLOCK_MONOTONIC_COARSE: *to = spec(1000 + mono); return 0;
    case CLOCK_BOOTTIME: *to = spec(1000 + mono + asleep); return 0;
    case CLOCK_MONOTONIC_RAW: *to = spec(1000 + raw); return 0;
    default: { REAL(clock_gettime); return clock_gettime_real(clock, to); } /* processor time */
    }
}

int clock_settime(clockid_t clock, const struct timespec *to) {
    if (clock != CLOCK_REALTIME) fail("this clock to set");
    real = to->tv_sec - epoch + to->tv_nsec * 1e-9L;
    return 0;
}

int clock_adjtime(clockid_t clock, struct timex *it) {
    prepare();
    if (clock != CLOCK_REALTIME) fail("this clock to adjust");
    unsigned modes = it->modes;
    bool nanos = modes & ADJ_NANO || (!(modes & ADJ_MICRO) && status & STA_NANO);
    if (modes & ADJ_OFFSET && modes != ADJ_OFFSET_SINGLESHOT && it->offset != 0) fail("ADJ_OFFSET");
    if (modes == ADJ_OFFSET_SINGLESHOT && it->offset != 0) fail("ADJ_OFFSET_SINGLESHOT");
    if (modes != ADJ_OFFSET_SINGLESHOT) {
        if (modes & ADJ_TICK && (it->tick < TICK * 9 / 10 || it->tick > TICK * 11 / 10)) return errno = EINVAL, -1;
        long tick_before = tick, frequency_before = frequency;
        if (modes & ADJ_TICK) tick = it->tick;
        if (modes & ADJ_FREQUENCY) frequency = it->freq > 32768000 ? 32768000 : it->freq < -32768000 ? -32768000 : it->freq;
        if (modes & ADJ_FREQUENCY) settings++, repetitions += tick == tick_before && frequency == frequency_before;
        if (modes & ADJ_SETOFFSET) real += it->time.tv_sec + it->time.tv_usec * (nanos ? 1e-9L : 1e-6L);
        if (modes & ADJ_STATUS) status = (it->status & ~STA_RONLY) | (status & STA_NANO);
        if (modes & ADJ_MAXERROR) maxerror = it->maxerror;
        if (modes & ADJ_ESTERROR) esterror = it->esterror;
        if (modes & ADJ_TAI) tai = (int)it->constant;
        if (modes & ADJ_NANO) status |= STA_NANO;
        if (modes & ADJ_MICRO) status &= ~STA_NANO;
    }
    struct timespec reading = spec(epoch + real);
    *it = (struct timex){.modes = modes, .freq = frequency, .maxerror = maxerror, .esterror = esterror,
        .status = (int)status, .precision = 1, .tolerance = 32768000, .tick = tick, .tai = tai};
    it->time.tv_sec = reading.tv_sec;
    it->time.tv_usec = status & STA_NANO ? reading.tv_nsec : reading.tv_nsec / 1000;
    return status & STA_UNSYNC ? TIME_ERROR : status & STA_INS ? TIME_INS : status & STA_DEL ? TIME_DEL : TIME_OK;
}
int adjtimex(struct timex *it) { return clock_adjtime(CLOCK_REALTIME, it); }
int ntp_adjtime(struct timex *it) { return clock_adjtime(CLOCK_REALTIME, it); }
int settimeofday(const struct timeval *time, const struct timezone *zone) { (void)time, (void)zone; fail("settimeofday"); return -1; }
int adjtime(const struct timeval *by, struct timeval *left) { (void)by, (void)left; fail("adjtime"); return -1; }
int stime(const time_t *time) { (void)time; fail("stime"); return -1; }

/* --- waiting ----------------------------------------------------------------------------------------------------------- */
int epoll_wait(int queue, struct epoll_event *events, int most, int timeout) {
    REAL(epoll_wait);
    prepare();
    long double until = timeout < 0 ? INFINITY : now + timeout / 1000.0L / rate();
    for (;;) {
        int count = epoll_wait_real(queue, events, most, 0);
        if (count != 0 || now >= until) return count;
        if (ended) return epoll_wait_real(queue, events, most, timeout < 0 || timeout > 1000 ? 1000 : timeout);
        wait_until(until);
    }
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *span, struct timespec *left) {
    (void)clock, (void)left;
    if (flags & TIMER_ABSTIME) fail("sleeping until a time");
    long double until = now + (span->tv_sec + span->tv_nsec * 1e-9L) / rate();
    while (now < until && !ended) wait_until(until);
    return 0;
}
int nanosleep(const struct timespec *span, struct timespec *left) { return clock_nanosleep(CLOCK_MONOTONIC, 0, span, left); }

/* The thread that waits for the disk loses that time if it is the one that waits for everything else. */
int fsync(int descriptor) {
    REAL(fsync);
    if (gettid() == getpid()) {
        prepare();
        long double until = now + disk;
        while (now < until && !ended) wait_until(until);
    }
    return fsync_real(descriptor);
}

/* --- sockets: each is an eventfd, so that epoll works as it is ------------------------------------------------------------ */
static struct udp *udp_of(int descriptor) {
    return descriptor >= 0 && descriptor < SOCKETS && table[descriptor].open ? &table[descriptor] : NULL;
}

int socket(int domain, int type, int protocol) {
    REAL(socket);
    prepare();
    if (domain != AF_INET || (type & 0xf) != SOCK_DGRAM) return socket_real(domain, type, protocol);
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (descriptor >= SOCKETS) fail("so many descriptors");
    if (descriptor >= 0) table[descriptor] = (struct udp){.open = true, .port = (uint16_t)(20000 + chance() % 30000)};
    return descriptor;
}

int close(int descriptor) {
    REAL(close);
    if (udp_of(descriptor)) table[descriptor].open = false, table[descriptor].count = 0;
    return close_real(descriptor);
}

int bind(int descriptor, const struct sockaddr *address, socklen_t length) {
    REAL(bind);
    return udp_of(descriptor) ? 0 : bind_real(descriptor, address, length);
}

int setsockopt(int descriptor, int level, int name, const void *value, socklen_t length) {
    REAL(setsockopt);
    return udp_of(descriptor) ? 0 : setsockopt_real(descriptor, level, name, value, length);
}

int getsockname(int descriptor, struct sockaddr *address, socklen_t *length) {
    REAL(getsockname);
    struct udp *udp = udp_of(descriptor);
    if (!udp) return getsockname_real(descriptor, address, length);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(udp->port)};
    memcpy(address, &own, *length < sizeof own ? *length : sizeof own);
    *length = sizeof own;
    return 0;
}

static void put(unsigned char *room, long double time) {
    uint64_t seconds = (uint64_t)floorl(epoch + NTP_EPOCH + time);
    uint64_t fraction = (uint64_t)((time - floorl(time)) * 4294967296.0L);
    uint64_t bits = seconds << 32 | (fraction & 0xffffffff);
    for (int place = 7; place >= 0; place--) room[place] = bits & 0xff, bits >>= 8;
}

static ssize_t ask(struct udp *udp, const struct sockaddr_in *to, const unsigned char *octets, size_t length) {
    if (to->sin_family != AF_INET || (ntohl(to->sin_addr.s_addr) & 0xffffff00) != 0xc6336400) fail("such a server");
    udp->sent = true;
    udp->sent_at = real;
    if (length < NTP || udp->count == PACKETS || now >= silent) return (ssize_t)length;
    long double there = now + delay + exponential(jitter), back = there + delay + exponential(jitter);
    struct packet *reply = &udp->packets[udp->count++];
    *reply = (struct packet){.arrival = back, .from = *to};
    unsigned char *out = reply->octets;
    long double right = utc(there) + ((ntohl(to->sin_addr.s_addr) & 0xff) >= 200 ? 0.05L : 0);
    out[0] = (octets[0] & 0x38) | 4 | (announce && there < midnight ? 0x40 : 0);
    out[1] = 1;
    out[2] = octets[2];
    out[3] = (unsigned char)-29;
    memcpy(out + 12, "TRUE", 4);
    put(out + 16, floorl(right) - 1);
    memcpy(out + 24, octets + 40, 8);
    put(out + 32, right);
    put(out + 40, right);
    return (ssize_t)length;
}

ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags) {
    REAL(sendmsg);
    struct udp *udp = udp_of(descriptor);
    if (!udp) return sendmsg_real(descriptor, message, flags);
    if (message->msg_iovlen != 1 || !message->msg_name) fail("such a way to send");
    return ask(udp, message->msg_name, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len);
}

static size_t add(struct msghdr *message, size_t at, int level, int type, const void *data, size_t length) {
    struct cmsghdr head = {.cmsg_len = CMSG_LEN(length), .cmsg_level = level, .cmsg_type = type};
    if (at + CMSG_SPACE(length) > message->msg_controllen) fail("room for what goes along");
    memcpy((char *)message->msg_control + at, &head, sizeof head);
    memcpy((char *)message->msg_control + at + CMSG_LEN(0), data, length);
    return at + CMSG_SPACE(length);
}

static ssize_t take(struct udp *udp, int descriptor, struct msghdr *message, int flags) {
    struct timespec stamps[3] = {0};
    message->msg_flags = 0;
    if (flags & MSG_ERRQUEUE) {
        if (!udp->sent) return errno = EAGAIN, -1;
        struct { struct sock_extended_err error; struct sockaddr_in offender; } about =
            {.error = {.ee_errno = ENOMSG, .ee_origin = SO_EE_ORIGIN_TIMESTAMPING, .ee_data = udp->number++}};
        udp->sent = false;
        stamps[0] = spec(epoch + udp->sent_at);
        size_t used = add(message, 0, SOL_SOCKET, SO_TIMESTAMPING, stamps, sizeof stamps);
        message->msg_controllen = add(message, used, SOL_IP, IP_RECVERR, &about, sizeof about);
        message->msg_flags = MSG_ERRQUEUE;
        return 0;
    }
    if (udp->count == 0 || !udp->packets[0].arrived) {
        uint64_t events;
        if (read(descriptor, &events, sizeof events) < 0) errno = EAGAIN;
        return errno = EAGAIN, -1;
    }
    struct packet packet = udp->packets[0];
    memmove(udp->packets, udp->packets + 1, sizeof packet * (size_t)--udp->count);
    if (message->msg_name) memcpy(message->msg_name, &packet.from, sizeof packet.from);
    message->msg_namelen = sizeof packet.from;
    size_t length = message->msg_iov[0].iov_len < NTP ? message->msg_iov[0].iov_len : NTP;
    memcpy(message->msg_iov[0].iov_base, packet.octets, length);
    stamps[0] = spec(epoch + packet.stamp);
    message->msg_controllen = add(message, 0, SOL_SOCKET, SO_TIMESTAMPING, stamps, sizeof stamps);
    return (ssize_t)length;
}

ssize_t recvmsg(int descriptor, struct msghdr *message, int flags) {
    REAL(recvmsg);
    struct udp *udp = udp_of(descriptor);
    return udp ? take(udp, descriptor, message, flags) : recvmsg_real(descriptor, message, flags);
}

/* Real time would pass where simulated time stands still. */
int timerfd_create(int clock, int flags) { (void)clock, (void)flags; fail("timerfd"); return -1; }
