/*
 * Is this a build under a sanitizer? gcc says so with macros of its own, clang with features.
 */
#ifndef COHORT_TESTS_SUPPORT_SANITIZED_H
#define COHORT_TESTS_SUPPORT_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#endif
