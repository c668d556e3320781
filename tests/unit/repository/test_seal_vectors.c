/* The pieces against the vectors of their RFCs. */
#include <string.h>

#include "lib/base/str.h"
#include "lib/repository/seal.h"
#include "tests/lib/test.h"

static struct err e;

static const uint8_t *bytes(const char *hex)
{
    static uint8_t ring[8][256];
    static int at;
    uint8_t *out = ring[at++ % 8];

    ASSERT_EQ(hex_decode(hex, out, strlen(hex) / 2), 0);
    return out;
}

static void expect_hex(const uint8_t *data, size_t len, const char *hex)
{
    char found[513];

    hex_encode(data, len, found);
    ASSERT_STR(found, hex);
}

TEST(hkdf_of_rfc_5869)
{
    uint8_t out[82], ikm[80];
    char info[81] = {0};

    memset(ikm, 0x0b, 22);
    for (int i = 0; i < 10; i++)
        info[i] = (char)(0xf0 + i);
    ASSERT_OK(seal_hkdf(ikm, 22, bytes("000102030405060708090a0b0c"), 13, info, out, 42, &e), e);
    expect_hex(
        out, 42,
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    for (int i = 0; i < 80; i++) {
        ikm[i] = (uint8_t)i;
        info[i] = (char)(0xb0 + i);
    }
    uint8_t salt[80];
    for (int i = 0; i < 80; i++)
        salt[i] = (uint8_t)(0x60 + i);
    ASSERT_OK(seal_hkdf(ikm, 80, salt, 80, info, out, 82, &e), e);
    expect_hex(
        out, 82,
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb"
        "41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
    memset(ikm, 0x0b, 22);
    ASSERT_OK(seal_hkdf(ikm, 22, NULL, 0, "", out, 42, &e), e);
    expect_hex(
        out, 42,
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(scrypt_of_rfc_7914)
{
    uint8_t out[64];

    ASSERT_OK(seal_scrypt("password", 8, "NaCl", 4, 1024, 8, 16, out, 64, &e), e);
    expect_hex(
        out, 64,
        "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff1"
        "09279d9830dac727afb94a83ee6d8360cbdfa2cc0640");
    ASSERT_OK(seal_scrypt("pleaseletmein", 13, "SodiumChloride", 14, 16384, 8, 1, out, 64, &e), e);
    expect_hex(
        out, 64,
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d4"
        "9705242a9af9e61e85dc0d651e40dfcf017b45575887");
    ASSERT_ERR(seal_scrypt("x", 1, "y", 1, 12345, 8, 1, out, 64, &e), e, ERR_INTERNAL);
}

TEST(x25519_of_rfc_7748)
{
    const uint8_t *alice =
        bytes("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    const uint8_t *bob = bytes("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    uint8_t alice_public[32], bob_public[32], shared[32];

    ASSERT_OK(seal_x25519_public(alice, alice_public, &e), e);
    expect_hex(alice_public, 32,
               "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    ASSERT_OK(seal_x25519_public(bob, bob_public, &e), e);
    expect_hex(bob_public, 32, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    ASSERT_OK(seal_x25519_shared(alice, bob_public, shared, &e), e);
    expect_hex(shared, 32, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    ASSERT_OK(seal_x25519_shared(bob, alice_public, shared, &e), e);
    expect_hex(shared, 32, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    /* section 5.2: a scalar that is not clamped yet */
    ASSERT_OK(seal_x25519_shared(
                  bytes("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
                  bytes("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"), shared,
                  &e),
              e);
    expect_hex(shared, 32, "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
}

TEST(points_of_small_order_are_refused)
{
    const char *small[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    uint8_t secret[32], shared[32];

    memset(secret, 0x5a, sizeof(secret));
    for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++)
        ASSERT_ERR(seal_x25519_shared(secret, bytes(small[i]), shared, &e), e, ERR_DAMAGED);
}

TEST(ed25519_of_rfc_8032)
{
    static const struct {
        const char *seed, *public_key, *message, *signature;
    } cases[] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701"
         "c"
         "f9b46bd25bf5f0595bbe24655141438e7a100b"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d"
         "0"
         "f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f7609"
         "8"
         "4dc6594a7c15e9716ed28dc027beceea1ec40a"},
    };
    uint8_t found[64], altered[64];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const uint8_t *seed = bytes(cases[i].seed), *message = bytes(cases[i].message);
        size_t len = strlen(cases[i].message) / 2;
        ASSERT_OK(seal_ed25519_public(seed, found, &e), e);
        expect_hex(found, 32, cases[i].public_key);
        const uint8_t *public_key = bytes(cases[i].public_key);
        ASSERT_OK(seal_sign(seed, message, len, found, &e), e);
        expect_hex(found, 64, cases[i].signature);
        ASSERT_OK(seal_verify(public_key, message, len, found, &e), e);
        for (size_t at = 0; at < 512; at++) {
            memcpy(altered, found, 64);
            altered[at / 8] ^= (uint8_t)(1 << at % 8);
            ASSERT_ERR(seal_verify(public_key, message, len, altered, &e), e, ERR_DAMAGED);
        }
    }
}

/* "The Galois/Counter Mode of Operation", test cases 13, 14 and 16. */
TEST(aes_gcm)
{
    uint8_t key[32] = {0}, nonce[12] = {0}, out[80];
    struct seal_box *b;

    ASSERT_OK(seal_box_open(key, &b, &e), e);
    ASSERT_OK(seal_box_seal(b, nonce, NULL, 0, NULL, 0, out, &e), e);
    expect_hex(out, 16, "530f8afbc74536b9a963b4f1c4cb738b");
    ASSERT_OK(seal_box_seal(b, nonce, NULL, 0, key, 16, out, &e), e);
    expect_hex(out, 32, "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
    seal_box_free(b);
    ASSERT_OK(
        seal_box_open(bytes("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"), &b,
                      &e),
        e);
    ASSERT_OK(seal_box_seal(b, bytes("cafebabefacedbaddecaf888"),
                            bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2"), 20,
                            bytes("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                                  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"),
                            60, out, &e),
              e);
    expect_hex(
        out, 76,
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b0"
        "8b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b");
    seal_box_free(b);
}

TEST(a_box_is_whole_or_refused)
{
    uint8_t key[32], nonce[12], box[56], altered[56], plain[40], back[40];
    struct seal_box *b;

    memset(key, 7, sizeof(key));
    memset(plain, 9, sizeof(plain));
    seal_nonce(nonce, 0x1122334455667788, SEAL_TRAILER);
    expect_hex(nonce, 12, "887766554433221102000000");
    ASSERT_OK(seal_box_open(key, &b, &e), e);
    ASSERT_OK(seal_box_seal(b, nonce, "aad", 3, plain, 40, box, &e), e);
    ASSERT_OK(seal_box_unseal(b, nonce, "aad", 3, box, 56, back, &e), e);
    ASSERT(memcmp(plain, back, 40) == 0);
    for (size_t at = 0; at < 8 * sizeof(box); at++) {
        memcpy(altered, box, sizeof(box));
        altered[at / 8] ^= (uint8_t)(1 << at % 8);
        ASSERT_ERR(seal_box_unseal(b, nonce, "aad", 3, altered, 56, altered, &e), e, ERR_DAMAGED);
        for (size_t i = 0; i < 40; i++)
            ASSERT_EQ(altered[i], 0);
    }
    for (size_t len = 0; len < 56; len++)
        ASSERT_ERR(seal_box_unseal(b, nonce, "aad", 3, box, len, back, &e), e, ERR_DAMAGED);
    ASSERT_ERR(seal_box_unseal(b, nonce, "aae", 3, box, 56, back, &e), e, ERR_DAMAGED);
    ASSERT_ERR(seal_box_unseal(b, nonce, "", 0, box, 56, back, &e), e, ERR_DAMAGED);
    nonce[0] ^= 1;
    ASSERT_ERR(seal_box_unseal(b, nonce, "aad", 3, box, 56, back, &e), e, ERR_DAMAGED);
    seal_box_free(b);
}
