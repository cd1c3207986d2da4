/* Speed of the kernels by tier, precision and shape, as a share of the multiply-adds that the same precision of the same
 * tier does in registers.
 *
 *     build/bench/bench_kernels [--tier NAME] [--precision NAME] [--kernel TEXT] [--rounds N] [--json]
 *
 * Without --tier every tier but the reference, which is there to be right. What two tiers share is measured once. --kernel: only
 * those with TEXT in their name. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel_cases.h"
#include "kernels/precision.h"

typedef struct selection {
    const char *tier, *precision; /* NULL = all */
} selection;

/* True where a better tier has the same kernels for this precision. */
static bool seen_before(const kernel_table *const *tier, aki_precision precision)
{
    for (const kernel_table *const *t = kernels_available(); t != tier; t++)
        if ((precision == AKI_PRECISION_FP32 && (*t)->fp32 == (*tier)->fp32) ||
            (precision == AKI_PRECISION_BF16 && (*t)->bf16 == (*tier)->bf16) ||
            (precision == AKI_PRECISION_INT8 && (*t)->int8 == (*tier)->int8))
            return true;
    return false;
}

static bool selects(const selection *chosen, const kernel_table *tier, aki_precision precision)
{
    if (chosen->precision != NULL && strcmp(chosen->precision, kernel_precision_name(precision)) != 0)
        return false;
    return chosen->tier != NULL ? strcmp(tier->name, chosen->tier) == 0
                                : strcmp(tier->name, "reference") != 0;
}

static void bench(kernel_report *report, const kernel_table *tier, aki_precision precision)
{
    const kernel_precision *kernels = precision == AKI_PRECISION_BF16 ? tier->bf16 : tier->fp32;
    const kernel_subject subject = {tier->name, kernel_precision_name(precision),
                                    kernel_burst_of(tier, precision)};
    if (precision == AKI_PRECISION_INT8) {
        cases_int8(report, &subject, tier->int8);
        return;
    }
    cases_products(report, &subject, kernels);
    cases_activations(report, &subject, kernels);
    cases_attention(report, &subject, kernels);
    cases_rows(report, &subject, tier, kernels);
}

static void bench_all(kernel_report *report, const selection *chosen)
{
    report_begin(report);
    for (const kernel_table *const *tier = kernels_available(); *tier != NULL; tier++)
        for (aki_precision p = AKI_PRECISION_FP32; kernel_precision_name(p) != NULL; p++)
            if (kernel_has_precision(*tier, p) && selects(chosen, *tier, p) &&
                (chosen->tier != NULL || !seen_before(tier, p)))
                bench(report, *tier, p);
    report_end(report);
}

static int usage(void)
{
    fprintf(stderr,
            "usage: bench_kernels [--tier NAME] [--precision NAME] [--kernel TEXT] "
            "[--rounds 1..%d] [--json]; tiers:",
            REPORT_MOST_ROUNDS);
    for (const kernel_table *const *tier = kernels_available(); *tier != NULL; tier++)
        fprintf(stderr, " %s", (*tier)->name);
    fprintf(stderr, "\n");
    return 2;
}

static bool is_precision(const char *name)
{
    for (aki_precision p = AKI_PRECISION_FP32; kernel_precision_name(p) != NULL; p++)
        if (strcmp(kernel_precision_name(p), name) == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"tier", required_argument, NULL, 't'},   {"precision", required_argument, NULL, 'p'},
        {"kernel", required_argument, NULL, 'k'}, {"rounds", required_argument, NULL, 'r'},
        {"json", no_argument, NULL, 'j'},         {NULL, 0, NULL, 0},
    };
    selection chosen = {NULL, NULL};
    kernel_report report = {.rounds = 21};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 't')
            chosen.tier = optarg;
        else if (option == 'p')
            chosen.precision = optarg;
        else if (option == 'k')
            report.kernel = optarg;
        else if (option == 'r')
            report.rounds = strtoul(optarg, NULL, 10);
        else if (option == 'j')
            report.json = true;
        else
            return usage();
    }
    if (optind < argc || report.rounds < 1 || report.rounds > REPORT_MOST_ROUNDS ||
        (chosen.tier != NULL && kernels_find(chosen.tier) == NULL) ||
        (chosen.precision != NULL && !is_precision(chosen.precision)))
        return usage();
    bench_all(&report, &chosen);
    return 0;
}
