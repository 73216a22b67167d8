/* SPDX-License-Identifier: Apache-2.0 */
/* test_pool.c: every task runs once, newest first, never more at once than asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/pool.h"

/* ---- every task once ---- */

#define DEPTH 12

struct tree {
	struct pool *pool;
	_Atomic unsigned ran;
};

struct node {
	struct tree *tree;
	unsigned depth;
};

static void submit_node(struct tree *t, unsigned depth);

static void run_node(void *arg)
{
	struct node *n = arg;

	if (n->depth) {
		submit_node(n->tree, n->depth - 1);
		submit_node(n->tree, n->depth - 1);
	}
	atomic_fetch_add(&n->tree->ran, 1);
	free(n);
}

static void submit_node(struct tree *t, unsigned depth)
{
	struct node *n = xmalloc(sizeof(*n));

	*n = (struct node){t, depth};
	pool_submit(t->pool, run_node, n);
}

static void test_tasks_submit_tasks(void **state)
{
	(void)state;
	for (unsigned threads = 0; threads <= 8; threads++) {
		struct tree t = {.pool = pool_new(threads)};

		/* Twice: a pool can be used again after a wait. */
		for (unsigned round = 1; round <= 2; round++) {
			submit_node(&t, DEPTH);
			pool_wait(t.pool);
			assert_int_equal(t.ran, round * ((2U << DEPTH) - 1));
		}
		pool_free(t.pool);
	}
}

static void start_it(void *arg)
{
	pool_start(arg);
	pool_start(arg);
}

/* Without being started, or by a task of its own. */
static void test_resting(void **state)
{
	(void)state;
	for (unsigned threads = 0; threads <= 3; threads++) {
		struct tree t = {.pool = pool_new_resting(threads)};

		submit_node(&t, DEPTH);
		pool_wait(t.pool);
		assert_int_equal(t.ran, (2U << DEPTH) - 1);
		submit_node(&t, DEPTH);
		pool_submit(t.pool, start_it, t.pool);
		pool_wait(t.pool);
		assert_int_equal(t.ran, 2 * ((2U << DEPTH) - 1));
		submit_node(&t, DEPTH);
		pool_free(t.pool);
		assert_int_equal(t.ran, 3 * ((2U << DEPTH) - 1));
		pool_free(pool_new_resting(threads));
	}
}

static void test_nothing_to_do(void **state)
{
	struct pool *p = pool_new(3);

	(void)state;
	pool_wait(p);
	pool_wait(p);
	pool_free(p);
	pool_free(NULL);
	for (int i = 0; i < 100; i++)
		pool_free(pool_new(2));
}

static void test_free_waits(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		struct tree t = {.pool = pool_new(2)};

		submit_node(&t, 6);
		pool_free(t.pool);
		assert_int_equal(t.ran, (2U << 6) - 1);
	}
}

/* ---- order ---- */

struct order {
	sem_t started, go;
	unsigned next, seen[1000];
};

struct step {
	struct order *order;
	unsigned number;
};

static void hold(void *arg)
{
	struct order *o = arg;

	sem_post(&o->started);
	sem_wait(&o->go);
}

static void note_number(void *arg)
{
	struct step *s = arg;

	/* One task at a time: the pool's lock orders these. */
	s->order->seen[s->order->next++] = s->number;
}

static void test_newest_first(void **state)
{
	static struct order o;
	static struct step steps[ARRAY_LEN(o.seen)];
	struct pool *p = pool_new(1);

	(void)state;
	o.next = 0;
	sem_init(&o.started, 0, 0);
	sem_init(&o.go, 0, 0);
	assert_true(pool_is_hungry(p));
	pool_submit(p, hold, &o);
	assert_false(pool_is_hungry(p));
	sem_wait(&o.started);
	assert_false(pool_is_hungry(p));
	for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
		steps[i] = (struct step){&o, i};
		pool_submit(p, note_number, &steps[i]);
	}
	sem_post(&o.go);
	pool_wait(p);
	assert_int_equal(o.next, ARRAY_LEN(steps));
	assert_true(pool_is_hungry(p));
	for (unsigned i = 0; i < ARRAY_LEN(steps); i++)
		assert_int_equal(o.seen[i], ARRAY_LEN(steps) - 1 - i);
	pool_free(p);
	sem_destroy(&o.started);
	sem_destroy(&o.go);
}

/* ---- how many at once ---- */

struct crowd {
	_Atomic unsigned now, most, ran;
};

static void be_there(void *arg)
{
	struct crowd *c = arg;
	unsigned now = atomic_fetch_add(&c->now, 1) + 1;
	unsigned most = atomic_load(&c->most);

	while (now > most && !atomic_compare_exchange_weak(&c->most, &most, now))
		;
	usleep(200);
	atomic_fetch_sub(&c->now, 1);
	atomic_fetch_add(&c->ran, 1);
}

static void test_limit(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 4; threads++) {
		struct crowd c = {0};
		struct pool *p = pool_new(threads);

		for (int i = 0; i < 200; i++)
			pool_submit(p, be_there, &c);
		pool_wait(p);
		assert_int_equal(c.ran, 200);
		assert_in_range(c.most, 1, threads);
		pool_free(p);
	}
}

struct meeting {
	pthread_barrier_t all;
};

static void meet(void *arg)
{
	struct meeting *m = arg;

	pthread_barrier_wait(&m->all);
}

/* As many as asked for do run at once: fewer would never meet. */
static void test_parallel(void **state)
{
	struct meeting m;
	struct pool *p = pool_new(5);

	(void)state;
	pthread_barrier_init(&m.all, NULL, 5);
	alarm(60);
	for (int i = 0; i < 50; i++)
		pool_submit(p, meet, &m);
	pool_wait(p);
	alarm(0);
	pool_free(p);
	pthread_barrier_destroy(&m.all);
}

/* The workers work although nobody waits. */
static void test_without_wait(void **state)
{
	static struct order o;
	struct pool *p = pool_new(1);

	(void)state;
	sem_init(&o.started, 0, 0);
	sem_init(&o.go, 0, 1);
	alarm(60);
	pool_submit(p, hold, &o);
	sem_wait(&o.started);
	alarm(0);
	pool_free(p);
	sem_destroy(&o.started);
	sem_destroy(&o.go);
}

static void *wait_too(void *pool)
{
	pool_wait(pool);
	return NULL;
}

/* All of those who wait are told, also if they slept long before. */
static void test_many_wait(void **state)
{
	struct pool *p = pool_new(1);
	static struct order o;
	pthread_t others[3];

	(void)state;
	sem_init(&o.started, 0, 0);
	sem_init(&o.go, 0, 0);
	alarm(60);
	pool_submit(p, hold, &o);
	sem_wait(&o.started);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_int_equal(pthread_create(&others[i], NULL, wait_too, p), 0);
	usleep(50000);
	sem_post(&o.go);
	pool_wait(p);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		pthread_join(others[i], NULL);
	alarm(0);
	pool_free(p);
	sem_destroy(&o.started);
	sem_destroy(&o.go);
}

/* ---- the system ---- */

struct mask {
	sem_t done;
	bool term_blocked;
};

static void look_at_mask(void *arg)
{
	struct mask *m = arg;
	sigset_t now;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	m->term_blocked = sigismember(&now, SIGTERM) == 1;
	sem_post(&m->done);
}

static void test_signals(void **state)
{
	struct pool *p = pool_new(1);
	struct mask m = {0};

	(void)state;
	sem_init(&m.done, 0, 0);
	/* No pool_wait() before it ran: so a worker ran it. */
	pool_submit(p, look_at_mask, &m);
	sem_wait(&m.done);
	assert_true(m.term_blocked);
	look_at_mask(&m);
	assert_false(m.term_blocked);
	pool_free(p);
	sem_destroy(&m.done);
}

/* A stack that no memory holds makes pthread_create() fail. */
static void test_no_threads(void **state)
{
	struct tree t = {0};
	pthread_attr_t attr, huge;

	(void)state;
	assert_int_equal(pthread_getattr_default_np(&attr), 0);
	pthread_attr_init(&huge);
	assert_int_equal(pthread_attr_setstacksize(&huge, (size_t)1 << 47), 0);
	assert_int_equal(pthread_setattr_default_np(&huge), 0);
	t.pool = pool_new(4);
	assert_int_equal(pthread_setattr_default_np(&attr), 0);

	submit_node(&t, DEPTH);
	usleep(20000);
	assert_int_equal(t.ran, 0); /* there are no workers */
	pool_wait(t.pool);
	assert_int_equal(t.ran, (2U << DEPTH) - 1);
	pool_free(t.pool);
	pthread_attr_destroy(&huge);
	pthread_attr_destroy(&attr);
}

static void test_cpus(void **state)
{
	cpu_set_t before, one;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	assert_int_equal(pool_online_cpus(), CPU_COUNT(&before));
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(pool_online_cpus(), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tasks_submit_tasks),
	    cmocka_unit_test(test_resting),
	    cmocka_unit_test(test_nothing_to_do),
	    cmocka_unit_test(test_free_waits),
	    cmocka_unit_test(test_newest_first),
	    cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_parallel),
	    cmocka_unit_test(test_without_wait),
	    cmocka_unit_test(test_many_wait),
	    cmocka_unit_test(test_signals),
	    cmocka_unit_test(test_no_threads),
	    cmocka_unit_test(test_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
