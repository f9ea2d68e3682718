#include "simulator/run_rounds.h"

#include <math.h>

#define FIGURES(part)                                                                                                  \
	"," part "_rows," part "_loss," part "_accuracy," part "_precision," part "_recall," part "_f1," part          \
	"_auc," part "_brier," part "_r2," part "_rmse," part "_mae"

void run_rounds_begin(struct buf *out)
{
	buf_put_text(out,
	             "round,attempt,asks,step,outcome,invited,contributed,late,dropped,refused,bytes_up,bytes_down,"
	             "virtual_ms,seconds,training_loss,model_step" FIGURES("validation")
	                     FIGURES("test") ",epsilon,clipped,signal_to_noise\n");
}

void run_rounds_cell(struct buf *out, double value)
{
	if (isfinite(value))
		buf_printf(out, ",%.9g", value);
	else
		buf_put_u8(out, ',');
}

static void put_figures(struct buf *out, const struct metrics *m)
{
	const double cells[] = {m->rows, m->loss,  m->accuracy, m->precision, m->recall, m->f1,
	                        m->auc,  m->brier, m->r2,       m->rmse,      m->mae};

	for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
		run_rounds_cell(out, cells[i]);
}

static const char *asks_name(unsigned asks)
{
	if (asks & ASK_STATISTICS)
		return "statistics";
	return !(asks & ASK_TRAIN) ? "evaluate" : asks & ASK_EVALUATE ? "train+evaluate" : "train";
}

void run_rounds_add(struct buf *out, const struct engine_round *round, double epsilon)
{
	const struct metrics none = METRICS_NONE;
	const struct round_report *r = round->report;
	const struct round_plan *p = r->plan;

	buf_printf(out, "%llu,%u,%s,%u,%s,%u,%u,%u,%u,%u,%llu,%llu,%lld", (unsigned long long)p->round, p->attempt,
	           asks_name(p->asks), p->step, outcome_name(r->outcome), round->invited, round->contributed,
	           round->late, round->dropped, round->refused, (unsigned long long)round->bytes_up,
	           (unsigned long long)round->bytes_down, (long long)(r->ended_ms - r->started_ms));
	run_rounds_cell(out, round->seconds);
	run_rounds_cell(out, round->training_loss);
	run_rounds_cell(out, r->evaluated ? p->step - 1 : NAN);
	put_figures(out, r->evaluated ? &r->validation : &none);
	put_figures(out, r->evaluated ? &r->test : &none);
	run_rounds_cell(out, epsilon);
	run_rounds_cell(out, round->units > 0 ? (double)round->clipped / (double)round->units : NAN);
	run_rounds_cell(out, round->signal_to_noise);
	buf_put_u8(out, '\n');
}
