#include "coordinator/watch.h"

#include <sys/stat.h>

void watch_begin(struct watch *w, const char *path)
{
	*w = (struct watch){.path = path};
	watch_changed(w);
}

bool watch_changed(struct watch *w)
{
	struct stat st;

	if (w->path == NULL || stat(w->path, &st) != 0)
		return false;
	if (st.st_ino == w->inode && st.st_size == w->size && st.st_mtim.tv_sec == w->changed.tv_sec &&
	    st.st_mtim.tv_nsec == w->changed.tv_nsec)
		return false;
	w->inode = st.st_ino;
	w->size = st.st_size;
	w->changed = st.st_mtim;
	return true;
}
