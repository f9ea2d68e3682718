/*
 * Every bound of the house, each with its reason. A peer's or a file's size is checked against these before
 * anything is allocated.
 */
#ifndef COHORT_BASE_LIMITS_H
#define COHORT_BASE_LIMITS_H

/* ---- names and texts */
#define NAME_SIZE 65 /* study and site names: 64 bytes and a NUL; they are folder names too */
#define TEXT_LINE_MAX 1024 /* purpose, contact, a reason: one paragraph on a screen */
#define CELL_MAX 65536 /* one CSV cell: free text columns exist beside those a study reads */
#define PATH_SIZE 4096 /* Linux PATH_MAX */

/* ---- files a person writes */
#define YAML_TEXT_MAX (1u << 20) /* a study with 4,096 features written out takes 400 KiB */
#define YAML_DEPTH_MAX 16 /* the study nests 5 */
#define YAML_NODES_MAX 200000 /* bounds the memory of libyaml's tree */

/* ---- data */
#define CSV_FILE_MAX (4ull << 30) /* inflated bytes read from one extract: 10^7 patients x 400 bytes */
#define CSV_RECORD_MAX (16u << 20) /* one row: CSV_COLUMNS_MAX cells of 1 KiB; what a reader may hold */
#define CSV_COLUMNS_MAX 16384 /* wide omics extracts */
#define CSV_ROWS_MAX 20000000 /* as CSV_FILE_MAX */
#define FEATURES_MAX 4096
#define LEVELS_MAX 1024 /* one-hot beyond this wants an embedding, which is not offered */
#define CODES_MAX 64 /* codes for "missing" */

/* ---- models */
#define MODEL_LAYERS_MAX 64
#define MODEL_WIDTH_MAX 65536
#define DROPOUT_MIN 0.0001 /* the draws have 16 bits: smaller shares would be rounded away */
#define DROPOUT_MAX 0.9999 /* as DROPOUT_MIN: something is kept */
#define MODEL_PARAMETERS_MAX (64u << 20) /* 256 MiB of float; two such vectors fit the smallest hospital VM (1 GiB) */
#define MODEL_METADATA_MAX (16u << 20) /* safetensors header: names and scaling of 65,536 inputs */
#define MODEL_FILE_MAX (4ull * MODEL_PARAMETERS_MAX + MODEL_METADATA_MAX + 8)
#define BINS_MAX 65536
#define CLASS_BINS_MAX 2048 /* of each class: with 1,024 classes a contribution still fits VECTOR_WORDS_MAX */
#define MOMENTS_PIECE                                                                                                  \
	(8u                                                                                                            \
	 << 20) /* octets of the server's moments in a row of the database: two vectors take up to 512 MiB, and SQLite \
	              copies a row while it writes it */

/* ---- rounds */
#define SITES_MAX 4096 /* over a network; the simulator has its own bound */
#define SIMULATED_SITES_MAX 1000000 /* in the simulator: at less than 1 KiB each beside their rows, 1 GiB */
#define ROUNDS_MAX 100000 /* a year of rounds each 5 minutes */
#define ATTEMPTS_MAX 16 /* attempts of one round before it is given up and a new round is opened */
#define WEIGHT_CAP_MAX 10000000 /* patients at one site */
#define ROWS_PER_PATIENT_MAX                                                                                           \
	64 /* on average over a site: a visit a month for five years; with it the weight cap bounds rows */
#define LOSS_PER_ROW_MAX                                                                                               \
	32.0 /* a row's loss is cut here: -log(p) = 32 is p = 1e-14, beyond what a sane model's float logits reach */

/* ---- privacy */
#define NOISE_VARIANCE_MAX (1ull << 54) /* grid units^2: sigma 2^27 leaves 16 sigma in an int32; see privacy/noise.c */

/* ---- what the simulator writes and reads back */
#define RUN_JSON_MAX (640u << 20) /* run.json: SIMULATED_SITES_MAX sites of 640 bytes */
#define RUN_TABLE_MAX (512u << 20) /* rounds.csv: ROUNDS_MAX rounds, each tried ATTEMPTS_MAX times, of 300 bytes */
#define PAGE_MAX (32u << 20) /* a report: 1,000 rows of sites, twelve pictures of at most 2 MiB */

/* ---- certificates, requests, the roster */
#define PEM_MAX (64u << 10) /* a certificate of a few hosts takes 2 KiB, an authority file with a successor 4 */
#define CRL_FILE_MAX (1u << 20) /* a revoked certificate takes 40 octets: 20,000 of them and some room */
#define KEY_FILE_MAX 8192 /* PKCS#8 PEM: 250 bytes for P-256, 3.3 KiB for RSA 4096 */
#define HOSTS_MAX 64 /* names and addresses in the coordinator's certificate */
#define ROSTER_MAX (1u << 20) /* SITES_MAX entries of at most 172 bytes, and the signature */
#define REGISTRY_MAX (32u << 20) /* the authority's index: 10 years of quarterly renewals of 1,000 sites x 500 bytes */

/* ---- the wire */
#define MESSAGE_MAX (64u << 10) /* one control message */
#define CONTRACT_MAX (1u << 20) /* canonical JSON of a study: as YAML_TEXT_MAX */
#define PART_MAX (1u << 20) /* one part of an upload: evhttp buffers whole bodies */
#define GRANT_PART_MAX (64u << 10) /* first part of an upload of several, which asks for a grant and may have to wait */
#define TOLD_PER_SECOND_MAX                                                                                            \
	(64u                                                                                                           \
	 << 20) /* octets that the sites of a study are told of masked attempts: lists for 500 sites at once; those of    \
	               SITES_MAX, 700 KiB for each, take their turns and not 3 GiB */
#define INBOX_WAIT_MAX_S 25 /* held polls: below the 30 s after which proxies cut idle connections */
#define INBOX_BATCH_MAX 64 /* messages in one answer */
#define UPLOADS_IN_FLIGHT_MAX 16 /* grants at once: bounds staged memory to 16 MiB of parts */
#define CONNECTIONS_PER_SITE_MAX 4 /* poll, model, upload, one being replaced */
#define CONNECTIONS_MAX 4096
#define HALF_OPEN_MAX 256 /* connections before the end of the handshake; beyond it a random one is dropped */
#define CONNECTIONS_PER_ADDRESS_MAX 64 /* a hospital behind one NAT; loopback is exempt: simulations run there */
#define HANDSHAKE_DEADLINE_MS 5000
#define HEADERS_DEADLINE_MS 5000
#define BODY_DEADLINE_MS 10000 /* plus size / BODY_RATE_MIN */
#define BODY_RATE_MIN 16384 /* bytes per second: an ISDN line */
#define IDLE_DEADLINE_MS 60000
#define HEADERS_MAX 8192

#endif
