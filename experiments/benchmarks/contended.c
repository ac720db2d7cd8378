/* The contended model in plain C: what the machine could do at best with one session table and one event heap.
 *
 *     cc -std=c11 -O2 contended.c -o contended && ./contended 20000 50 1000 4
 *
 * Messages are there at once; each connection takes the next one, writes MAIL, its RCPTs and DATA in one flight,
 * then the text; a server with a few workers serves one command after the other, first come first served. Whole
 * nanoseconds, and ties broken as simsmtp does: by kind of event, then by connection. No message has more
 * recipients than the server's limit, so nothing is ever sent twice. Prints counts, times and processor time.
 */
#define _POSIX_C_SOURCE 199309L
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SERVED = 1, REQUEST = 4, ACCEPT = 5, HANG_UP = 6, READ = 7 };
enum { CONNECT, EHLO, MAIL, RCPT, DATA, TEXT, NOTHING };
enum { NONE = -1, OVER = 0, OK = 1, LIMIT = 100, BUFFER = 4096, SUB = 1024, BUCKETS = 56 * SUB };
#define LENGTH(text) (sizeof(text) - 1)
static const int64_t ONE_WAY_NS = 25000000, NS_PER_OCTET = 80; /* 50 ms and back, 100 Mbit a second */
static const int64_t service_ns[] = {200000, 200000, 200000, 200000, 200000, 2000000};
static const int32_t command_octets[] = {0, 24, 39, 37, 6, 4096};
static const int32_t reply_octets[] = {
    LENGTH("220 mx.example.test ESMTP\r\n"), LENGTH("250-mx.example.test\r\n250 PIPELINING\r\n"),
    LENGTH("250 2.1.0 Ok\r\n"), LENGTH("250 2.1.5 Ok\r\n"), LENGTH("354 End data with <CR><LF>.<CR><LF>\r\n"),
    LENGTH("250 2.0.0 Ok: queued\r\n")};

typedef struct { int64_t at, who; } Event;
typedef struct {
    int64_t written_at, up_free, up_last, down_free, down_last, free;
    int32_t verb, last, buffered, next_waiting, tried, accepted;
    uint8_t in_service, answers[LIMIT];
} Session;

static Session *sessions;
static Event *heap;
static int64_t now, events, last_final, delays[BUCKETS];
static int64_t rcpts, transactions, connected, round_trips, delivered, lost, open_sessions, handled, bypassed;
static int32_t messages, recipients, workers, sent, busy, first_waiting = NONE, last_waiting = NONE;

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t who_of(int64_t kind, int32_t session) { return (kind << 56) + session; }
static int before(int64_t at, int64_t who, Event other) { return at != other.at ? at < other.at : who < other.who; }

static void schedule(int64_t at, int64_t who) {
    int64_t place = events++;
    while (place > 0 && before(at, who, heap[(place - 1) / 2])) {
        heap[place] = heap[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    heap[place] = (Event){at, who};
}

static Event take_first(void) {
    Event first = heap[0], last = heap[--events];
    int64_t place = 0, below;
    while ((below = 2 * place + 1) < events) {
        if (below + 1 < events && before(heap[below + 1].at, heap[below + 1].who, heap[below])) below++;
        if (!before(heap[below].at, heap[below].who, last)) break;
        heap[place] = heap[below];
        place = below;
    }
    heap[place] = last;
    return first;
}

static int may_jump(int64_t at, int64_t who) { /* nothing comes before this event: it need not be queued */
    if (events > 0 && !before(at, who, heap[0])) return 0;
    now = at;
    bypassed++;
    return 1;
}

static void leave_worker(void) {
    int32_t session = first_waiting;
    busy--;
    if (session == NONE) return;
    first_waiting = sessions[session].next_waiting;
    busy++;
    schedule(now + service_ns[sessions[session].verb], who_of(SERVED, session));
}

static int take_worker(int32_t session) { /* true if it has already done its work */
    Session *s = &sessions[session];
    if (busy >= workers) {
        s->next_waiting = NONE;
        if (first_waiting == NONE) first_waiting = session;
        else sessions[last_waiting].next_waiting = session;
        last_waiting = session;
        return 0;
    }
    busy++;
    int64_t done_at = now + service_ns[s->verb], who = who_of(SERVED, session);
    if (!may_jump(done_at, who)) {
        schedule(done_at, who);
        return 0;
    }
    leave_worker();
    s->free = now;
    return 1;
}

static int ask_for_worker(int32_t session, int64_t at) {
    int64_t who = who_of(REQUEST, session);
    sessions[session].in_service = 1;
    if (may_jump(at, who)) return take_worker(session);
    schedule(at, who);
    return 0;
}

static void flush(Session *s) {
    if (s->buffered == 0) return;
    s->down_free = larger(s->free, s->down_free) + s->buffered * NS_PER_OCTET;
    s->down_last = larger(s->down_free + ONE_WAY_NS, s->down_last);
    s->buffered = 0;
}

static void hear(Session *s) { /* a command has been served: its reply goes into the server's buffer */
    s->in_service = 0;
    s->last = s->verb;
    if (s->buffered + reply_octets[s->verb] > BUFFER) flush(s);
    s->buffered += reply_octets[s->verb];
    if (s->verb == RCPT) {
        s->answers[s->tried] = s->accepted < LIMIT ? OK : OVER;
        s->accepted += s->answers[s->tried++];
    }
    if (s->verb == MAIL) s->verb = RCPT;
    else if (s->verb == RCPT) s->verb = s->tried < recipients ? RCPT : DATA;
    else s->verb = NOTHING;
}

static void fly(int32_t session) { /* until a command has to wait for a worker, or all is written and served */
    Session *s = &sessions[session];
    if (s->in_service) hear(s);
    while (s->verb != NOTHING) {
        s->up_free = larger(s->up_free, s->written_at) + command_octets[s->verb] * NS_PER_OCTET;
        s->up_last = larger(s->up_free + ONE_WAY_NS, s->up_last);
        if (s->up_last > s->free) flush(s); /* its input is empty: RFC 2920 section 3.2 */
        if (!ask_for_worker(session, larger(s->up_last, s->free))) return;
        hear(s);
    }
    flush(s);
    schedule(s->down_last, who_of(READ, session));
}

static void start_flight(int32_t session, int32_t verb) {
    sessions[session].verb = verb;
    sessions[session].written_at = now;
    round_trips++;
    fly(session);
}

static int64_t bucket_of(int64_t value) { /* 1,024 buckets for every power of two */
    int64_t shift = 0;
    if (value < SUB) return value;
    while (value >> shift >= 2 * SUB) shift++;
    return (shift + 1) * SUB + (value >> shift) - SUB;
}

static int64_t percentile(double share) { /* nearest rank; the middle of its bucket */
    int64_t bucket = 0, rank = (int64_t)(share * (double)delivered);
    if ((double)rank < share * (double)delivered) rank++;
    while ((rank -= delays[bucket]) > 0) bucket++;
    int64_t shift = bucket / SUB - 1;
    return bucket < SUB ? bucket : ((SUB + bucket % SUB) << shift) + ((INT64_C(1) << shift) >> 1);
}

static void end_transaction(Session *s) {
    int64_t accepted = 0;
    for (int32_t i = 0; i < s->tried; i++) accepted += s->answers[i];
    delivered += accepted;
    lost += s->tried - accepted;
    rcpts += s->tried;
    delays[bucket_of(now)] += accepted; /* all messages arrived at 0 */
    last_final = now;
}

static void read_replies(int32_t session) {
    Session *s = &sessions[session];
    if (s->last == TEXT) end_transaction(s);
    if (s->last == CONNECT) start_flight(session, EHLO);
    else if (s->last == DATA) start_flight(session, TEXT);
    else if (sent < messages) {
        sent++;
        transactions++;
        s->tried = s->accepted = 0;
        start_flight(session, MAIL);
    } else schedule(now + ONE_WAY_NS, who_of(HANG_UP, session));
}

static void serve_banner(int32_t session) {
    hear(&sessions[session]);
    flush(&sessions[session]);
    schedule(sessions[session].down_last, who_of(READ, session));
}

static void served(int32_t session) {
    if (sessions[session].verb == CONNECT) serve_banner(session);
    else fly(session);
}

static void handle(int64_t kind, int32_t session) {
    handled++;
    if (kind == SERVED) {
        leave_worker();
        sessions[session].free = now;
        served(session);
    } else if (kind == REQUEST) {
        if (take_worker(session)) served(session);
    } else if (kind == READ) read_replies(session);
    else if (kind == ACCEPT) {
        open_sessions++;
        sessions[session].free = now;
        if (ask_for_worker(session, now)) serve_banner(session);
    } else open_sessions--;
}

static void simulate(int32_t connections) {
    for (int32_t session = 0; session < connections && session < messages; session++) {
        connected++;
        round_trips += 2; /* the TCP handshake, then the banner */
        schedule(3 * ONE_WAY_NS, who_of(ACCEPT, session));
    }
    while (events > 0) {
        Event first = take_first();
        now = first.at;
        handle(first.who >> 56, (int32_t)first.who);
    }
}

static int64_t processor_ns(void) {
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
}

int main(int argc, char **argv) {
    int32_t connections = argc == 5 ? atoi(argv[3]) : 0;
    if (connections < 1 || (messages = atoi(argv[1])) < 1 || (workers = atoi(argv[4])) < 1
        || (recipients = atoi(argv[2])) < 1 || recipients > LIMIT) {
        fprintf(stderr, "usage: contended MESSAGES RECIPIENTS CONNECTIONS WORKERS; at most %d recipients\n", LIMIT);
        return 2;
    }
    int64_t begin = processor_ns();
    sessions = calloc((size_t)connections, sizeof *sessions);
    heap = malloc((size_t)(3 * connections + 1) * sizeof *heap);
    if (!sessions || !heap) return 1;
    simulate(connections);
    int64_t taken = processor_ns() - begin;
    printf("delivered %" PRId64 "\nlost %" PRId64 "\nrcpt_commands %" PRId64 "\ntransactions %" PRId64 "\n", delivered,
           lost, rcpts, transactions);
    printf("connections %" PRId64 "\nround_trips %" PRId64 "\nmakespan_ns %" PRId64 "\n", connected, round_trips, last_final);
    printf("delay_p50_ns %" PRId64 "\ndelay_p95_ns %" PRId64 "\ndelay_p99_ns %" PRId64 "\n", percentile(0.5),
           percentile(0.95), percentile(0.99));
    printf("handled %" PRId64 "\nbypassed %" PRId64 "\ntaken_ns %" PRId64 "\n", handled, bypassed, taken);
    return open_sessions != 0;
}
