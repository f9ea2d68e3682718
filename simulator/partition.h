/*
 * Partitions: one table spread over sites as research papers do it, to study how much the sites may differ.
 *
 *   iid              patients dealt out in random order: sites alike, sizes equal within one (McMahan et al. 2017, section 3)
 *   dirichlet:ALPHA  for each class of the label, its patients are cut by shares of the sites drawn from Dirichlet(ALPHA):
 *                    sites differ in mix and in size (Yurochkin et al. 2019, section 4, and Li et al. 2022, section IV;
 *                    Hsu et al. 2019 draw the mix of each site instead and keep the sizes equal)
 *   shards:K         patients sorted by label are cut into K shards per site, equal within one, and dealt out at random: a
 *                    site sees about K classes (McMahan et al. 2017, section 3, with K = 2)
 *   quantity:ALPHA   sizes alone differ: patients in random order, cut by shares from Dirichlet(ALPHA) (Li et al. 2022)
 *   column:NAME      by a column of the file, which is --site-column
 *
 * Classes of a numeric label are tenths of the patients in the order of their numbers, equal ones together.
 *
 * All rows of a patient go to one site, by the label of the first of them. Every site has a patient: a site that
 * got none takes one, drawn at random, from a site that has several. Which part of the split a row is in was settled before
 * and stays, so all partitions of a file are judged on the same test rows.
 *
 * H. B. McMahan et al., Communication-Efficient Learning of Deep Networks from Decentralized Data, AISTATS 2017.
 * M. Yurochkin et al., Bayesian Nonparametric Federated Learning of Neural Networks, ICML 2019.
 * T.-M. H. Hsu, H. Qi, M. Brown, Measuring the Effects of Non-Identical Data Distribution, arXiv:1909.06335.
 * Q. Li et al., Federated Learning on Non-IID Data Silos: An Experimental Study, ICDE 2022.
 */
#ifndef COHORT_SIMULATOR_PARTITION_H
#define COHORT_SIMULATOR_PARTITION_H

#include "data/table.h"

#define PARTITION_RANGES 10 /* classes of a numeric label */

enum partition_kind { PARTITION_IID, PARTITION_DIRICHLET, PARTITION_SHARDS, PARTITION_QUANTITY, PARTITION_COLUMN };

struct partition {
	enum partition_kind kind;
	double alpha; /* dirichlet, quantity */
	uint32_t shards; /* per site */
	const char *column; /* borrowed from the text */
};

/* Reads one of the texts above. ERR_USAGE. */
enum err partition_parse(struct partition *out, const char *text, struct diag *why) MUST_USE;

/* out[t->rows]: the site of each row, from 0 to sites - 1, each at least once. Not for PARTITION_COLUMN (CHECK). Follows from
 * the table, the partition and the seed alone. ERR_USAGE when there are fewer patients than sites, or than shards. O(rows
 * log rows + classes * sites). */
enum err partition_assign(uint32_t *out, const struct table *t, const struct partition *p, uint32_t sites,
                          uint64_t seed, struct diag *why) MUST_USE;

#endif
