# A .deb for Debian 12, with the libraries of the distribution. Symbols stay in the programs of the build folder.
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser")
# Installing etcd-server starts an etcd of its own on the standard ports; ours has other ports and files. A lone node and
# one with etcd servers elsewhere need neither, so it is no dependency.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "logrotate, etcd-server")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${here}/deb/postinst ${here}/deb/prerm ${here}/deb/postrm ${here}/deb/conffiles)
install(FILES ${here}/deb/copyright DESTINATION ${doc})
install(FILES ${here}/deb/lintian-overrides DESTINATION share/lintian/overrides RENAME vernemq)
# Debian wants a changelog that names the version; what changed stands in the history of the source.
string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${made}/changelog "vernemq (${PROJECT_VERSION}) bookworm; urgency=medium

  * Release ${PROJECT_VERSION}.

 -- ${CPACK_PACKAGE_CONTACT}  ${now}
")
execute_process(COMMAND gzip -9nc ${made}/changelog OUTPUT_FILE ${made}/changelog.gz COMMAND_ERROR_IS_FATAL ANY)
install(FILES ${made}/changelog.gz DESTINATION ${doc})
