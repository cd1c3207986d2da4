/* The encoder of a tiny model, in the harness's scratch folder, for harnesses that read requests. */
#ifndef TINY_ENCODER_H
#define TINY_ENCODER_H

#include "fuzz.h"
#include "model/tiny_model.h"
#include "scratch.h"

#include "engine/encoder.h"

/* Opened at the first call, and returned by all of them. */
static inline encoder *tiny_encoder(void)
{
    static encoder *enc;
    if (enc != NULL)
        return enc;
    const char *folder = scratch_folder();
    tiny_put_configuration(folder);
    tiny_put_weights(folder, "", 0);
    tiny_put(folder, "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n");
    aki_settings settings;
    aki_error error;
    aki_settings_init(&settings);
    FUZZ_CHECK(encoder_open(&enc, folder, &settings, &error) == AKI_OK);
    return enc;
}

#endif
