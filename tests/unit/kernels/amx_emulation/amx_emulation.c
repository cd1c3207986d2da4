/* Matrix tiles by the operations that Intel's manual gives for LDTILECFG, TILELOADD, TILESTORED, TILEZERO, TDPBF16PS and
 * TDPBSSD. */
#include <kernels/x86/amx_tile.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TILES 8

typedef struct tile {
    unsigned rows, row_bytes;
    unsigned char bytes[AMX_ROWS][AMX_ROW_BYTES];
} tile;

static _Thread_local tile tiles[TILES];
static _Thread_local int configured;

static void require(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "AMX emulation: %s\n", what);
    abort();
}

void amx_configure(const amx_config *config)
{
    require(config->palette == 1, "only palette 1 is defined");
    require(config->start_row == 0, "no kernel restarts a load");
    for (size_t i = 0; i < sizeof config->reserved; i++)
        require(config->reserved[i] == 0, "reserved bytes of a configuration must be zero");
    for (size_t t = 0; t < 16; t++) {
        const unsigned rows = config->rows[t], row_bytes = config->row_bytes[t];
        require(t < TILES || (rows == 0 && row_bytes == 0), "there are eight tiles");
        require(rows <= AMX_ROWS && row_bytes <= AMX_ROW_BYTES, "a tile has at most 16 rows of 64 bytes");
        require((rows == 0) == (row_bytes == 0), "a tile has both rows and columns or neither");
        if (t < TILES)
            tiles[t] = (tile){.rows = rows, .row_bytes = row_bytes};
    }
    configured = 1;
}

void amx_release(void)
{
    memset(tiles, 0, sizeof tiles);
    configured = 0;
}

int amx_configured(void)
{
    return configured;
}

static tile *tile_of(unsigned number)
{
    require(configured, "tiles are used before they are configured");
    require(number < TILES, "there are eight tiles");
    require(tiles[number].rows > 0, "a tile is used that the configuration leaves out");
    return &tiles[number];
}

void amx_load(unsigned number, const void *from, size_t stride)
{
    tile *t = tile_of(number);
    memset(t->bytes, 0, sizeof t->bytes);
    for (size_t r = 0; r < t->rows; r++)
        memcpy(t->bytes[r], (const unsigned char *)from + r * stride, t->row_bytes);
}

void amx_store(unsigned number, void *to, size_t stride)
{
    const tile *t = tile_of(number);
    for (size_t r = 0; r < t->rows; r++)
        memcpy((unsigned char *)to + r * stride, t->bytes[r], t->row_bytes);
}

void amx_zero(unsigned number)
{
    memset(tile_of(number)->bytes, 0, sizeof tiles[number].bytes);
}

/* Checks what the multiplications ask of their operands: [rows of c][depth] times [depth][columns of c]. */
static void check_shapes(unsigned c, unsigned a, unsigned b)
{
    const tile *to = tile_of(c), *left = tile_of(a), *right = tile_of(b);
    require(c != a && c != b && a != b, "a multiplication needs three different tiles");
    require(to->rows == left->rows, "rows of the left side are not those of the result");
    require(to->row_bytes == right->row_bytes, "columns of the right side are not those of the result");
    require(left->row_bytes == 4 * right->rows, "the sides have different depths");
    require(to->row_bytes % 4 == 0, "columns are four bytes");
}

/* Denormals are zero, on the way in and out. */
static inline float flush(float x)
{
    return fabsf(x) < 0x1p-126f ? copysignf(0.0f, x) : x;
}

static inline float bf16_at(const unsigned char *row, size_t i)
{
    uint16_t upper;
    memcpy(&upper, row + 2 * i, sizeof upper);
    const uint32_t bits = (uint32_t)upper << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return flush(value);
}

void amx_dot_bf16(unsigned c, unsigned a, unsigned b)
{
    check_shapes(c, a, b);
    tile *to = &tiles[c];
    const tile *left = &tiles[a], *right = &tiles[b];
    float columns[AMX_ROWS][2][16]; /* [depth][even, odd][n] */
    for (size_t k = 0; k < right->rows; k++)
        for (size_t n = 0; n < 16; n++)
            for (size_t odd = 0; odd < 2; odd++)
                columns[k][odd][n] = bf16_at(right->bytes[k], 2 * n + odd);
    for (size_t m = 0; m < to->rows; m++) {
        float sums[2][16] = {{0.0f}}, row[16];
        for (size_t k = 0; k < right->rows; k++)
            for (size_t odd = 0; odd < 2; odd++) {
                const float x = bf16_at(left->bytes[m], 2 * k + odd);
                for (size_t n = 0; n < 16; n++)
                    sums[odd][n] = flush(fmaf(x, columns[k][odd][n], sums[odd][n]));
            }
        memcpy(row, to->bytes[m], sizeof row);
        for (size_t n = 0; n < 16; n++)
            row[n] = flush(flush(row[n]) + flush(sums[0][n] + sums[1][n]));
        memcpy(to->bytes[m], row, to->row_bytes);
    }
}

void amx_dot_int8(unsigned c, unsigned a, unsigned b)
{
    check_shapes(c, a, b);
    tile *to = &tiles[c];
    const tile *left = &tiles[a], *right = &tiles[b];
    for (size_t m = 0; m < to->rows; m++) {
        uint32_t row[16]; /* sums wrap */
        memcpy(row, to->bytes[m], sizeof row);
        for (size_t k = 0; k < left->row_bytes; k++) {
            const int x = (int8_t)left->bytes[m][k];
            for (size_t n = 0; n < 16; n++)
                row[n] += (uint32_t)(x * (int8_t)right->bytes[k / 4][4 * n + k % 4]);
        }
        memcpy(to->bytes[m], row, to->row_bytes);
    }
}
