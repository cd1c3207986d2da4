/* akidb-embed doctor: the machine, the cache, the network settings, and the model. */
#include "cli/options/commands.h"

#include "base/cpus.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/doctor/report.h"
#include "cli/message.h"
#include "cli/model_source.h"
#include "cli/proc_value.h"
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_MAX_BYTES ((size_t)256 << 10)
#define COMFORTABLE_MEMORY_BYTES (UINT64_C(512) << 20)

static void check_machine(doctor_report *report)
{
    char text[256], tiers[256] = "";
    proc_cpu_name(text, sizeof text);
    const char *const *tier = aki_cpu_tiers();
    for (size_t used = 0; *tier != NULL && used < sizeof tiers; tier++)
        used += (size_t)snprintf(tiers + used, sizeof tiers - used, "%s%s", used > 0 ? ", " : "", *tier);
    doctor_add(report, FINDING_OK, "CPU", "%s; tiers, best first: %s", text, tiers);
    cpus_info cpus;
    char quota[64] = "";
    cpus_read(&cpus);
    if (cpus.quota > 0)
        snprintf(quota, sizeof quota, ", of whose time a cgroup grants that of %.3g", cpus.quota);
    doctor_add(report, FINDING_OK, "threads", "%u CPU%s for this process, on %u core%s%s", cpus.allowed,
               cpus.allowed == 1 ? "" : "s", cpus.cores, cpus.cores == 1 ? "" : "s", quota);
    proc_value("/proc/meminfo", "MemAvailable", text, sizeof text);
    unsigned long long available_kib = 0;
    if (sscanf(text, "%llu kB", &available_kib) == 1) {
        char available[40];
        bool enough = available_kib << 10 >= COMFORTABLE_MEMORY_BYTES;
        progress_write_bytes(available_kib << 10, available, sizeof available);
        doctor_add(report, enough ? FINDING_OK : FINDING_WARN, "memory", "%s available", available);
        if (!enough)
            doctor_remedy(report, "all-MiniLM-L6-v2 wants about 300 MB; free some memory.");
    }
}

static void check_hub(doctor_report *report, const hub_settings *hub)
{
    if (access(hub->cache_folder, F_OK) != 0)
        doctor_add(report, FINDING_NOTE, "cache", "%s does not exist yet", hub->cache_folder);
    else if (access(hub->cache_folder, R_OK | W_OK | X_OK) != 0)
        doctor_add(report, FINDING_WARN, "cache", "%s cannot be read and written by this user",
                   hub->cache_folder);
    else
        doctor_add(report, FINDING_OK, "cache", "%s", hub->cache_folder);
    doctor_add(report, FINDING_NOTE, "hub", "%s%s%s", hub->endpoint,
               hub->token != NULL ? ", with a token" : "",
               hub->offline ? "; offline, nothing is downloaded" : "");
}

/* Looks without downloading: a check that fills the disk would be none. */
static void check_model(doctor_report *report, const options *o, hub_settings *hub)
{
    aki_error error;
    char *folder = NULL;
    const char *model = option_text(o, OPTION_MODEL);
    hub->offline = true;
    hub->log = message_log_sink();
    if (hub_resolve(model, hub, &folder, &error) != AKI_OK) {
        if (error.status == AKI_MODEL_NOT_FOUND)
            doctor_add(report, FINDING_FAIL, "model", "%s is neither a folder nor complete in the cache",
                       model);
        else
            doctor_add_error(report, "model", &error);
        doctor_remedy(report, "Download it with `akidb-embed pull %s`, or name a folder with --model.",
                      model);
        return;
    }
    doctor_add(report, FINDING_OK, "model", "%s is in %s", model, folder);
    doctor_check_model(report, o, folder, message_log_sink());
    doctor_check_device(report, o, folder, message_log_sink());
    mem_free(folder);
}

int command_doctor(const options *o)
{
    aki_error error;
    hub_settings hub;
    buf out;
    doctor_report *report = mem_zalloc(1, sizeof *report);
    if (report == NULL) {
        error_set(&error, AKI_OUT_OF_MEMORY, "no memory for the findings");
        message_error(&error);
        return EXIT_FAILED;
    }
    doctor_add(report, FINDING_OK, "program", "akidb-embed %s", aki_version());
    check_machine(report);
    if (model_hub_settings(&hub, o, &error) == AKI_OK) {
        check_hub(report, &hub);
        check_model(report, o, &hub);
        hub_settings_free(&hub);
    } else {
        doctor_add_error(report, "hub", &error);
    }
    buf_init(&out, OUTPUT_MAX_BYTES);
    (option_on(o, OPTION_JSON) ? doctor_print_json : doctor_print_text)(&out, report);
    bool printed =
        !out.failed && fwrite(out.data, 1, out.length, stdout) == out.length && fflush(stdout) == 0;
    bool healthy = doctor_healthy(report);
    buf_free(&out);
    mem_free(report);
    return printed && healthy ? EXIT_DONE : EXIT_FAILED;
}
