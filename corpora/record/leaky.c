// SPDX-License-Identifier: GPL-2.0
/*
 * leaky - allocates along known call chains, frees a known part, and keeps the books.
 *
 * Loaded under SLUB tracing it gives a console capture whose right answer is known: for every chain how many objects were
 * allocated, how many freed, and which addresses are still held.  corpora/record/README.md has the table of chains.
 *
 * There is no exit function: what was leaked stays leaked until the machine goes off.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

static unsigned int count = 12;
module_param(count, uint, 0444);
MODULE_PARM_DESC(count, "allocations along each chain, at most 512");

static unsigned int size = 64;
module_param(size, uint, 0444);
MODULE_PARM_DESC(size, "bytes asked of kmalloc by every chain but the one with its own cache");

#define HELD_MAX 512
#define SIZE_MAX_TRACED 4096	/* above this kmalloc may go round the slab allocator */
#define OBJ_SIZE 104

/* A frame of its own in every backtrace: neither inlined nor cloned (the makefile turns sibling calls off, too). */
#define FRAME static noinline __noclone

/* The books of one call chain. */
struct chain {
	const char *function;	/* the function through which this chain passes and no other does */
	unsigned int allocs;
	unsigned int frees;
	unsigned int failed;	/* allocations that gave nothing: no event on the console either */
	void *held[HELD_MAX];	/* allocs - frees entries */
};

enum { RING, PROBE, SESSION, REQUEST, REPLY, TICK, COLLECT, OBJECT, NOTE, CHAINS };

static struct chain chains[CHAINS] = {
	[RING]    = { .function = "leaky_ring_fill" },
	[PROBE]   = { .function = "leaky_probe_port" },
	[SESSION] = { .function = "leaky_session_open" },
	[REQUEST] = { .function = "leaky_request_send" },
	[REPLY]   = { .function = "leaky_reply_build" },
	[TICK]    = { .function = "leaky_tick_sample" },
	[COLLECT] = { .function = "leaky_collect_one" },
	[OBJECT]  = { .function = "leaky_object_create" },
	[NOTE]    = { .function = "leaky_note_add" },
};

static struct kmem_cache *object_cache;
static DEFINE_SPINLOCK(books);	/* over every chain; taken in softirq too */

static unsigned int held(const struct chain *c)
{
	return c->allocs - c->frees;
}

/* Enters a fresh object; its bytes become the chain's own letter, so that no foreign memory gets into the dump of a free. */
static void *enter(int which, void *object, unsigned int bytes)
{
	struct chain *c = &chains[which];
	unsigned long flags;

	spin_lock_irqsave(&books, flags);
	if (!object) {
		c->failed++;
	} else if (!WARN_ON_ONCE(held(c) == HELD_MAX)) {
		memset(object, 'A' + which, bytes);
		c->held[held(c)] = object;
		c->allocs++;
	}
	spin_unlock_irqrestore(&books, flags);
	return object;
}

/* Strikes out the newest object of the chain and returns it for freeing; NULL (which kfree takes) if there is none. */
static void *strike(int which)
{
	struct chain *c = &chains[which];
	void *object = NULL;
	unsigned long flags;

	spin_lock_irqsave(&books, flags);
	if (held(c)) {
		c->frees++;
		object = c->held[held(c)];
	}
	spin_unlock_irqrestore(&books, flags);
	return object;
}

/* ---- one helper, two ways to it: the ring leaks, the probe frees ---- */

FRAME void *leaky_buf_get(int which)
{
	return enter(which, kmalloc(size, GFP_KERNEL), size);
}

FRAME void leaky_ring_fill(void)
{
	leaky_buf_get(RING);
}

FRAME void leaky_probe_done(void)
{
	kfree(strike(PROBE));
}

FRAME void leaky_probe_port(void)
{
	leaky_buf_get(PROBE);
	leaky_probe_done();
}

/* ---- partial frees in process context: every third session stays open ---- */

FRAME void leaky_session_close(void)
{
	kfree(strike(SESSION));
}

FRAME void leaky_session_open(unsigned int i)
{
	enter(SESSION, kzalloc(size, GFP_KERNEL), size);
	if (i % 3)
		leaky_session_close();
}

/* ---- allocated by a process, freed by a workqueue, which never hears of every fourth ---- */

static atomic_t requests_done;

FRAME void leaky_request_finish(void)
{
	kfree(strike(REQUEST));
}

FRAME void leaky_request_work(struct work_struct *work)
{
	while (atomic_dec_if_positive(&requests_done) >= 0)
		leaky_request_finish();
}
static DECLARE_WORK(request_work, leaky_request_work);

FRAME void leaky_request_send(unsigned int i)
{
	enter(REQUEST, kmalloc(size, GFP_KERNEL), size);
	if (i % 4 == 3)
		return;
	atomic_inc(&requests_done);
	schedule_work(&request_work);
}

/* ---- leaked by a workqueue ---- */

FRAME void leaky_reply_build(void)
{
	enter(REPLY, kmalloc(size, GFP_KERNEL), size);
}

FRAME void leaky_reply_work(struct work_struct *work)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		leaky_reply_build();
}
static DECLARE_WORK(reply_work, leaky_reply_work);

/* ---- timer, that is softirq: every second sample is dropped in the tick after it ---- */

static struct timer_list tick_timer;
static unsigned int ticks;
static DECLARE_COMPLETION(ticks_over);

FRAME void leaky_tick_sample(void)
{
	enter(TICK, kmalloc(size, GFP_ATOMIC), size);
}

FRAME void leaky_tick_drop(void)
{
	kfree(strike(TICK));
}

FRAME void leaky_tick(struct timer_list *timer)
{
	if (ticks % 2)
		leaky_tick_drop();
	leaky_tick_sample();
	if (++ticks < count)
		mod_timer(timer, jiffies + 1);
	else
		complete(&ticks_over);
}

/* ---- leaked by a kernel thread ---- */

static DECLARE_COMPLETION(collector_over);

FRAME void leaky_collect_one(void)
{
	enter(COLLECT, kmalloc(size, GFP_KERNEL), size);
}

FRAME int leaky_collector(void *unused)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		leaky_collect_one();
		cond_resched();
	}
	complete(&collector_over);
	return 0;
}

/* ---- a cache of its own: every fourth object is given back ---- */

FRAME void leaky_object_destroy(void)
{
	void *object = strike(OBJECT);

	if (object)
		kmem_cache_free(object_cache, object);
}

FRAME void leaky_object_create(unsigned int i)
{
	enter(OBJECT, kmem_cache_alloc(object_cache, GFP_KERNEL), OBJ_SIZE);
	if (i % 4 == 3)
		leaky_object_destroy();
}

/* ---- the truth, to the kernel log: one record per line, so nothing tears it ---- */

/* ksize tells the size class that kmalloc took, which differs between architectures. */
static void cache_name(int which, char *name, size_t room)
{
	size_t class = OBJ_SIZE;

	if (which == OBJECT) {
		snprintf(name, room, "leaky_object");
		return;
	}
	if (held(&chains[which]))
		class = ksize(chains[which].held[0]);
	else if (held(&chains[RING]))
		class = ksize(chains[RING].held[0]);
	if (class < 1024)
		snprintf(name, room, "kmalloc-%zu", class);
	else
		snprintf(name, room, "kmalloc-%zuk", class / 1024);
}

static void print_chain(int which)
{
	const struct chain *c = &chains[which];
	char name[32];
	unsigned int i;

	cache_name(which, name, sizeof(name));
	pr_info("leaky: chain %s cache=%s size=%u allocs=%u frees=%u live=%u failed=%u\n", c->function, name,
		which == OBJECT ? OBJ_SIZE : size, c->allocs, c->frees, held(c), c->failed);
	/* %p, as the trace itself prints: raw or hashed, it is the same text in both places */
	for (i = 0; i < held(c); i++)
		pr_info("leaky: object %s %p\n", c->function, c->held[i]);
}

static void print_truth(void)
{
	int which;

	for (which = 0; which < CHAINS; which++)
		print_chain(which);
	pr_info("leaky: end of truth, chains=%d\n", CHAINS);
}

/* ---- /proc/leaky: a number above 0 leaks so many in the context of the writing process; 0 prints the truth ---- */

FRAME void leaky_note_add(void)
{
	enter(NOTE, kmalloc(size, GFP_KERNEL), size);
}

FRAME ssize_t leaky_proc_write(struct file *file, const char __user *text, size_t length, loff_t *position)
{
	unsigned int i, notes;
	int error = kstrtouint_from_user(text, length, 0, &notes);

	if (error)
		return error;
	if (notes > HELD_MAX - held(&chains[NOTE]))
		return -ENOSPC;
	for (i = 0; i < notes; i++)
		leaky_note_add();
	if (!notes)
		print_truth();
	return length;
}

static const struct proc_ops leaky_proc_ops = {
	.proc_write = leaky_proc_write,
};

/* ---- start: timer, thread and workqueue run beside the loop of the loading process ---- */

static int start_others(void)
{
	struct task_struct *collector = kthread_run(leaky_collector, NULL, "leaky_collector");

	if (IS_ERR(collector))
		return PTR_ERR(collector);
	timer_setup(&tick_timer, leaky_tick, 0);
	mod_timer(&tick_timer, jiffies + 1);
	schedule_work(&reply_work);
	return 0;
}

static void wait_for_others(void)
{
	wait_for_completion(&collector_over);
	wait_for_completion(&ticks_over);
	flush_work(&reply_work);
	flush_work(&request_work);
}

static void run_rounds(void)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		leaky_ring_fill();
		leaky_probe_port();
		leaky_session_open(i);
		leaky_request_send(i);
		leaky_object_create(i);
		cond_resched();
	}
}

static int __init leaky_init(void)
{
	int error;

	if (!count || count > HELD_MAX || !size || size > SIZE_MAX_TRACED)
		return -EINVAL;
	object_cache = kmem_cache_create("leaky_object", OBJ_SIZE, 0, 0, NULL);
	if (!object_cache || !proc_create("leaky", 0200, NULL, &leaky_proc_ops))
		return -ENOMEM;
	error = start_others();
	if (error)
		return error;
	run_rounds();
	wait_for_others();
	return 0;
}

module_init(leaky_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Leaks slab objects along known call chains and tells which");
