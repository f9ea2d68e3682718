/*
 * Published answers for what the crypto room takes from libsodium and OpenSSL. That a library is right is its own
 * business; that we call it with arguments in the right order and sizes is ours, so where a function of ours is a thin
 * layer the answer is asked of it.
 */
#include "base/bytes.h"
#include "crypto/keys.h"
#include "crypto/mask.h"
#include "crypto/shamir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <sodium.h>

struct chacha_answer {
	const char *name, *key, *nonce;
	uint32_t counter;
	const char *plaintext, *ciphertext;
};

struct ed25519_answer {
	const char *name, *seed, *public_key, *message, *signature;
};

/* RFC 8439, sections 2.3.2 and 2.4.2, appendices A.1 and A.2: plaintext zeros where the RFC gives a key stream. */
static const struct chacha_answer chacha_answers[] = {
	{"2.3.2", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "000000090000004a00000000", 1,
         "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "00000000000000000000000000000000",
         "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4ed2826446079faa0914c2d705d98b02a2"
         "b5129cd1de164eb9cbd083e8a2503c4e"},
	{"2.4.2", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "000000000000004a00000000", 1,
         "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a20496620492063"
         "6f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
         "637265656e20776f756c642062652069742e",
         "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5524733ab8f593dabcd62b357"
         "1639d624e65152ab8f530c359f0861d807ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736"
         "5af90bbf74a35be6b40b8eedf2785e42874d"},
	{"A.1 #1", "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", 0,
         "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "00000000000000000000000000000000",
         "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a37"
         "6a43b8f41518a11cc387b669b2ee6586"},
	{"A.1 #2", "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", 1,
         "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "00000000000000000000000000000000",
         "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed29b721769ce64e43d57133b074d839d5"
         "31ed1f28510afb45ace10a1f4b794d6f"},
	{"A.1 #3", "0000000000000000000000000000000000000000000000000000000000000001", "000000000000000000000000", 1,
         "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "00000000000000000000000000000000",
         "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a8eca00bbb4a73bdad192b5c42f73f2fd"
         "4e273644c8b36125a64addeb006c13a0"},
	{"A.1 #4", "00ff000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", 2,
         "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "00000000000000000000000000000000",
         "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca13b25aa26cb4a648cb9b9d1be65b2c09"
         "24a66c54d545ec1b7374f4872e99f096"},
	{"A.1 #5", "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000002", 0,
         "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "00000000000000000000000000000000",
         "c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c78a970e0e955c14f3a88e741b97c286f7"
         "5f8fc299e8148362fa198a39531bed6d"},
	{"A.2 #1", "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", 0,
         "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "00000000000000000000000000000000",
         "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a37"
         "6a43b8f41518a11cc387b669b2ee6586"},
	{"A.2 #2", "0000000000000000000000000000000000000000000000000000000000000001", "000000000000000000000002", 1,
         "416e79207375626d697373696f6e20746f20746865204945544620696e74656e6465642062792074686520436f6e7472"
         "696275746f7220666f72207075626c69636174696f6e20617320616c6c206f722070617274206f6620616e2049455446"
         "20496e7465726e65742d4472616674206f722052464320616e6420616e792073746174656d656e74206d616465207769"
         "7468696e2074686520636f6e74657874206f6620616e204945544620616374697669747920697320636f6e7369646572"
         "656420616e20224945544620436f6e747269627574696f6e222e20537563682073746174656d656e747320696e636c75"
         "6465206f72616c2073746174656d656e747320696e20494554462073657373696f6e732c2061732077656c6c20617320"
         "7772697474656e20616e6420656c656374726f6e696320636f6d6d756e69636174696f6e73206d61646520617420616e"
         "792074696d65206f7220706c6163652c207768696368206172652061646472657373656420746f",
         "a3fbf07df3fa2fde4f376ca23e82737041605d9f4f4f57bd8cff2c1d4b7955ec2a97948bd3722915c8f3d337f7d37005"
         "0e9e96d647b7c39f56e031ca5eb6250d4042e02785ececfa4b4bb5e8ead0440e20b6e8db09d881a7c6132f420e527950"
         "42bdfa7773d8a9051447b3291ce1411c680465552aa6c405b7764d5e87bea85ad00f8449ed8f72d0d662ab052691ca66"
         "424bc86d2df80ea41f43abf937d3259dc4b2d0dfb48a6c9139ddd7f76966e928e635553ba76c5c879d7b35d49eb2e62b"
         "0871cdac638939e25e8a1e0ef9d5280fa8ca328b351c3c765989cbcf3daa8b6ccc3aaf9f3979c92b3720fc88dc95ed84"
         "a1be059c6499b9fda236e7e818b04b0bc39c1e876b193bfe5569753f88128cc08aaa9b63d1a16f80ef2554d7189c411f"
         "5869ca52c5b83fa36ff216b9c1d30062bebcfd2dc5bce0911934fda79a86f6e698ced759c3ff9b6477338f3da4f9cd85"
         "14ea9982ccafb341b2384dd902f3d1ab7ac61dd29c6f21ba5b862f3730e37cfdc4fd806c22f221"},
	{"A.2 #3", "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0", "000000000000000000000002", 42,
         "2754776173206272696c6c69672c20616e642074686520736c6974687920746f7665730a446964206779726520616e64"
         "2067696d626c6520696e2074686520776162653a0a416c6c206d696d737920776572652074686520626f726f676f7665"
         "732c0a416e6420746865206d6f6d65207261746873206f757467726162652e",
         "62e6347f95ed87a45ffae7426f27a1df5fb69110044c0d73118effa95b01e5cf166d3df2d721caf9b21e5fb14c616871"
         "fd84c54f9d65b283196c7fe4f60553ebf39c6402c42234e32a356b3e764312a61a5532055716ead6962568f87d3f3f77"
         "04c6a8d1bcd1bf4d50d6154b6da731b187b58dfd728afa36757a797ac188d1"},
};

/* RFC 8032, section 7.1. */
static const struct ed25519_answer ed25519_answers[] = {
	{"TEST 1", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
         "d25bf5f0595bbe24655141438e7a100b"},
	{"TEST 2", "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
         "387b2eaeb4302aeeb00d291612bb0c00"},
	{"TEST 3", "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
         "4a7c15e9716ed28dc027beceea1ec40a"},
	{"TEST 1024", "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
         "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
         "08b8b2b733424243760fe426a4b54908632110a66c2f6591eabd3345e3e4eb98fa6e264bf09efe12ee50f8f54e9f77b1"
         "e355f6c50544e23fb1433ddf73be84d879de7c0046dc4996d9e773f4bc9efe5738829adb26c81b37c93a1b270b20329d"
         "658675fc6ea534e0810a4432826bf58c941efb65d57a338bbd2e26640f89ffbc1a858efcb8550ee3a5e1998bd177e93a"
         "7363c344fe6b199ee5d02e82d522c4feba15452f80288a821a579116ec6dad2b3b310da903401aa62100ab5d1a36553e"
         "06203b33890cc9b832f79ef80560ccb9a39ce767967ed628c6ad573cb116dbefefd75499da96bd68a8a97b928a8bbc10"
         "3b6621fcde2beca1231d206be6cd9ec7aff6f6c94fcd7204ed3455c68c83f4a41da4af2b74ef5c53f1d8ac70bdcb7ed1"
         "85ce81bd84359d44254d95629e9855a94a7c1958d1f8ada5d0532ed8a5aa3fb2d17ba70eb6248e594e1a2297acbbb39d"
         "502f1a8c6eb6f1ce22b3de1a1f40cc24554119a831a9aad6079cad88425de6bde1a9187ebb6092cf67bf2b13fd65f270"
         "88d78b7e883c8759d2c4f5c65adb7553878ad575f9fad878e80a0c9ba63bcbcc2732e69485bbc9c90bfbd62481d9089b"
         "eccf80cfe2df16a2cf65bd92dd597b0707e0917af48bbb75fed413d238f5555a7a569d80c3414a8d0859dc65a46128ba"
         "b27af87a71314f318c782b23ebfe808b82b0ce26401d2e22f04d83d1255dc51addd3b75a2b1ae0784504df543af8969b"
         "e3ea7082ff7fc9888c144da2af58429ec96031dbcad3dad9af0dcbaaaf268cb8fcffead94f3c7ca495e056a9b47acdb7"
         "51fb73e666c6c655ade8297297d07ad1ba5e43f1bca32301651339e22904cc8c42f58c30c04aafdb038dda0847dd988d"
         "cda6f3bfd15c4b4c4525004aa06eeff8ca61783aacec57fb3d1f92b0fe2fd1a85f6724517b65e614ad6808d6f6ee34df"
         "f7310fdc82aebfd904b01e1dc54b2927094b2db68d6f903b68401adebf5a7e08d78ff4ef5d63653a65040cf9bfd4aca7"
         "984a74d37145986780fc0b16ac451649de6188a7dbdf191f64b5fc5e2ab47b57f7f7276cd419c17a3ca8e1b939ae49e4"
         "88acba6b965610b5480109c8b17b80e1b7b750dfc7598d5d5011fd2dcc5600a32ef5b52a1ecc820e308aa342721aac09"
         "43bf6686b64b2579376504ccc493d97e6aed3fb0f9cd71a43dd497f01f17c0e2cb3797aa2a2f256656168e6c496afc5f"
         "b93246f6b1116398a346f1a641f3b041e989f7914f90cc2c7fff357876e506b50d334ba77c225bc307ba537152f3f161"
         "0e4eafe595f6d9d90d11faa933a15ef1369546868a7f3a45a96768d40fd9d03412c091c6315cf4fde7cb68606937380d"
         "b2eaaa707b4c4185c32eddcdd306705e4dc1ffc872eeee475a64dfac86aba41c0618983f8741c5ef68d3a101e8a3b8ca"
         "c60c905c15fc910840b94c00a0b9d0",
         "0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350aa5371b1508f9f4528ecea23c436d94b"
         "5e8fcd4f681e30a6ac00a9704a188a03"},
	{"TEST SHA(abc)", "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
         "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
         "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
         "454d4423643ce80e2a9ac94fa54ca49f",
         "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
         "3dca179c138ac17ad9bef1177331a704"},
};

/* RFC 9496, appendix A.1: multiples 0 to 15 of the generator. */
static const char *const ristretto_multiples[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
	"6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
	"94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259",
	"da80862773358b466ffadfe0b3293ab3d9fd53c5ea6c955358f568322daf6a57",
	"e882b131016b52c1d3337080187cf768423efccbb517bb495ab812c4160ff44e",
	"f64746d3c92b13050ed8d80236a7f0007c3b3f962f5ba793d19a601ebb1df403",
	"44f53520926ec81fbd5a387845beb7df85a96a24ece18738bdcfa6a7822a176d",
	"903293d8f2287ebe10e2374dc1a53e0bc887e592699f02d077d5263cdd55601c",
	"02622ace8f7303a31cafc63f8fc48fdc16e1c8c8d234b2f0d6685282a9076031",
	"20706fd788b2720a1ed2a5dad4952b01f413bcf0e7564de8cdc816689e2db95f",
	"bce83f8ba5dd2fa572864c24ba1810f9522bc6004afe95877ac73241cafdab42",
	"e4549ee16b9aa03099ca208c67adafcafa4c3f3e4e5303de6026e3ca8ff84460",
	"aa52e000df2e16f55fb1032fc33bc42742dad6bd5a8fc0be0167436c5948501f",
	"46376b80f409b29dc2b5f6f0c52591990896e5716f41477cd30085ab7f10301e",
	"e0c418f7c8d9c4cdd7395b93ea124f3ad99021bb681dfc3302a9d99a2e53e64e",
};

/* draft-irtf-cfrg-xchacha-03, appendix A.3.1: ciphertext and tag; the plaintext is that of RFC 8439, 2.4.2. */
static const char xchacha_sealed[] =
	"bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39"
	"ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
	"21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49";

#define OCTETS_MAX 1024

static size_t unhex(uint8_t *out, const char *text)
{
	size_t n = strlen(text) / 2;
	assert_true(n <= OCTETS_MAX && hex_decode(out, n, text));
	return n;
}

static void assert_hex(const uint8_t *octets, size_t n, const char *expected)
{
	char text[2 * OCTETS_MAX + 1];
	hex_encode(text, bytes_of(octets, n));
	assert_string_equal(text, expected);
}

/* ---- X25519 */

static void x25519(void **state)
{
	(void)state;
	/* RFC 7748, section 5.2 */
	static const char *const answers[][3] = {
		{"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
	         "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
	         "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
		{"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
	         "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
	         "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
	};
	uint8_t scalar[32], point[32], result[32];
	for (int i = 0; i < 2; i++) {
		unhex(scalar, answers[i][0]);
		unhex(point, answers[i][1]);
		assert_int_equal(crypto_scalarmult(result, scalar, point), 0);
		assert_hex(result, 32, answers[i][2]);
	}
}

static void x25519_iterated(void **state)
{
	(void)state;
	uint8_t k[32] = {9}, u[32] = {9}, result[32];
	for (int i = 1; i <= 1000; i++) {
		assert_int_equal(crypto_scalarmult(result, k, u), 0);
		memcpy(u, k, 32);
		memcpy(k, result, 32);
		if (i == 1)
			assert_hex(k, 32, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
	}
	assert_hex(k, 32, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

/* RFC 7748, section 6.1. */
static void x25519_agreement(void **state)
{
	(void)state;
	uint8_t alice[32], bob[32], alice_pk[32], bob_pk[32], shared[32];
	unhex(alice, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
	unhex(bob, "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
	assert_int_equal(crypto_scalarmult_base(alice_pk, alice), 0);
	assert_hex(alice_pk, 32, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
	assert_int_equal(crypto_scalarmult_base(bob_pk, bob), 0);
	assert_hex(bob_pk, 32, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
	assert_int_equal(crypto_scalarmult(shared, alice, bob_pk), 0);
	assert_hex(shared, 32, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
	assert_int_equal(crypto_scalarmult(shared, bob, alice_pk), 0);
	assert_hex(shared, 32, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

/* ---- ChaCha20, in both libraries, and as a mask where the nonce is 0 */

static void openssl_chacha(uint8_t *out, const struct chacha_answer *a, const uint8_t *key, const uint8_t *in, size_t n)
{
	uint8_t counter[16];
	int made = 0;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	store_u32(counter, a->counter);
	unhex(counter + 4, a->nonce);
	assert_int_equal(EVP_EncryptInit_ex2(c, EVP_chacha20(), key, counter, NULL), 1);
	assert_int_equal(EVP_EncryptUpdate(c, out, &made, in, (int)n), 1);
	assert_int_equal(made, n);
	EVP_CIPHER_CTX_free(c);
}

static void chacha20(void **state)
{
	(void)state;
	uint8_t key[32], nonce[12], plain[OCTETS_MAX], out[OCTETS_MAX];
	for (size_t i = 0; i < sizeof chacha_answers / sizeof chacha_answers[0]; i++) {
		const struct chacha_answer *a = &chacha_answers[i];
		size_t n = unhex(plain, a->plaintext);
		unhex(key, a->key);
		unhex(nonce, a->nonce);
		crypto_stream_chacha20_ietf_xor_ic(out, plain, n, nonce, a->counter, key);
		assert_hex(out, n, a->ciphertext);
		openssl_chacha(out, a, key, plain, n);
		assert_hex(out, n, a->ciphertext);
	}
}

static void chacha20_as_mask(void **state)
{
	(void)state;
	uint8_t plain[OCTETS_MAX], nonce[12], out[64];
	unsigned seen = 0;
	for (size_t i = 0; i < sizeof chacha_answers / sizeof chacha_answers[0]; i++) {
		const struct chacha_answer *a = &chacha_answers[i];
		struct mask m = {.subtract = false};
		uint32_t words[16] = {0};
		unhex(nonce, a->nonce);
		if (!sodium_is_zero(nonce, sizeof nonce) || !sodium_is_zero(plain, unhex(plain, a->plaintext)))
			continue;
		unhex(m.key, a->key);
		mask_add(words, a->counter * MASK_ALIGN, MASK_ALIGN, &m, 1);
		for (uint32_t w = 0; w < MASK_ALIGN; w++)
			store_u32(out + 4 * w, words[w]);
		assert_hex(out, sizeof out, a->ciphertext);
		seen++;
	}
	assert_int_equal(seen, 5); /* A.1 #1 to #4, A.2 #1 */
}

/* ---- BLAKE2b: RFC 7693, appendix E: inputs of six lengths, four sizes of hash, with and without key, and a hash of
 * all */

static void selftest_sequence(uint8_t *out, size_t n, uint32_t seed)
{
	uint32_t a = 0xdead4bad * seed, b = 1;
	for (size_t i = 0; i < n; i++) {
		uint32_t next = a + b;
		a = b;
		b = next;
		out[i] = (uint8_t)(next >> 24);
	}
}

static void blake2b(void **state)
{
	(void)state;
	static const uint32_t sizes[] = {20, 32, 48, 64}, lengths[] = {0, 3, 128, 129, 255, 1024};
	uint8_t in[1024], key[64], out[64];
	crypto_generichash_state all;
	crypto_generichash_init(&all, NULL, 0, 32);
	for (int i = 0; i < 4; i++) {
		for (int j = 0; j < 6; j++) {
			selftest_sequence(in, lengths[j], lengths[j]);
			selftest_sequence(key, sizes[i], sizes[i]);
			assert_int_equal(crypto_generichash(out, sizes[i], in, lengths[j], NULL, 0), 0);
			crypto_generichash_update(&all, out, sizes[i]);
			assert_int_equal(crypto_generichash(out, sizes[i], in, lengths[j], key, sizes[i]), 0);
			crypto_generichash_update(&all, out, sizes[i]);
		}
	}
	crypto_generichash_final(&all, out, 32);
	assert_hex(out, 32, "c23a7800d98123bd10f506c61e29da5603d763b8bbad2e737f5e765a7bccd475");
}

/* ---- Ed25519 */

static void ed25519(void **state)
{
	(void)state;
	uint8_t seed[32], pk[32], sk[64], message[OCTETS_MAX], signature[64];
	for (size_t i = 0; i < sizeof ed25519_answers / sizeof ed25519_answers[0]; i++) {
		const struct ed25519_answer *a = &ed25519_answers[i];
		unhex(seed, a->seed);
		crypto_sign_seed_keypair(pk, sk, seed);
		assert_hex(pk, 32, a->public_key);
		struct bytes m = bytes_of(message, unhex(message, a->message));
		keys_sign(signature, sk, m);
		assert_hex(signature, 64, a->signature);
		assert_true(keys_verify(pk, m, signature));
		for (uint32_t bit = 0; bit < 8 * 64; bit += 7) {
			signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_false(keys_verify(pk, m, signature));
			signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		message[0] ^= 1;
		assert_true(keys_verify(pk, m, signature) == (m.len == 0));
	}
}

/* ---- XChaCha20-Poly1305 */

static void xchacha20_poly1305(void **state)
{
	(void)state;
	uint8_t key[32], nonce[24], ad[12], plain[OCTETS_MAX], out[OCTETS_MAX];
	unsigned long long made;
	for (uint32_t i = 0; i < 32; i++)
		key[i] = (uint8_t)(0x80 + i);
	for (uint32_t i = 0; i < 24; i++)
		nonce[i] = (uint8_t)(0x40 + i);
	unhex(ad, "50515253c0c1c2c3c4c5c6c7");
	size_t n = unhex(plain, chacha_answers[1].plaintext);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out, &made, plain, n, ad, sizeof ad, NULL, nonce, key);
	assert_hex(out, made, xchacha_sealed);
}

/* ---- ristretto255: scalars are its exponents, so that shares can be checked in the group */

static void multiple(uint8_t out[32], const struct scalar *s)
{
	if (crypto_scalarmult_ristretto255_base(out, s->b) != 0) /* the result is the identity */
		memset(out, 0, 32);
}

static void ristretto255(void **state)
{
	(void)state;
	uint8_t point[32], sum[32] = {0}, generator[32];
	unhex(generator, ristretto_multiples[1]);
	for (uint8_t i = 0; i < 16; i++) {
		const struct scalar s = {{i}};
		multiple(point, &s);
		assert_hex(point, 32, ristretto_multiples[i]);
		assert_memory_equal(point, sum, 32);
		assert_int_equal(crypto_core_ristretto255_add(sum, sum, generator), 0);
	}
}

/* f(x) = 1 + 2 x: the share of x, times the generator, is the multiple 1 + 2x. */
static void shares_in_the_group(void **state)
{
	(void)state;
	const struct scalar one = {{1}}, two = {{2}};
	struct scalar share;
	uint8_t point[32];
	for (uint32_t x = 1; x <= 7; x++) {
		shamir_share(&share, &one, &two, 2, x);
		multiple(point, &share);
		assert_hex(point, 32, ristretto_multiples[1 + 2 * x]);
	}
}

static int prepare(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(x25519),           cmocka_unit_test(x25519_iterated),
		cmocka_unit_test(x25519_agreement), cmocka_unit_test(chacha20),
		cmocka_unit_test(chacha20_as_mask), cmocka_unit_test(blake2b),
		cmocka_unit_test(ed25519),          cmocka_unit_test(xchacha20_poly1305),
		cmocka_unit_test(ristretto255),     cmocka_unit_test(shares_in_the_group),
	};
	return cmocka_run_group_tests(tests, prepare, NULL);
}
