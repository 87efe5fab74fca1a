# An .rpm for distributions whose versions of RocksDB, fmt and others differ from those that this was built with: these come
# along in a folder of their own. OpenSSL, zlib and the C and C++ libraries are the distribution's.
set(private_folder /usr/lib64/vernemq)
set_target_properties(${programs} PROPERTIES INSTALL_RPATH ${private_folder})
# The old kind of path counts for what the libraries themselves need, too.
foreach(program ${programs})
  target_link_options(${program} PRIVATE -Wl,--disable-new-dtags)
endforeach()
# What every distribution of this age has in the same version; everything else comes along.
set(system_libraries "^(ld-linux|linux-vdso|libc|libm|libdl|librt|libpthread|libresolv|libgcc_s|libstdc[+][+]|libssl|libcrypto|libz)[-.]")
foreach(program ${programs})
  list(APPEND program_files $<TARGET_FILE:${program}>)
endforeach()
configure_file(${here}/rpm/private_libraries.cmake.in ${made}/private_libraries.cmake.in @ONLY)
file(GENERATE OUTPUT ${made}/private_libraries.cmake INPUT ${made}/private_libraries.cmake.in)
install(SCRIPT ${made}/private_libraries.cmake)

set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_LICENSE "Apache-2.0")
set(CPACK_RPM_PACKAGE_GROUP "System Environment/Daemons")
set(CPACK_RPM_PACKAGE_RELEASE 1)
# Said by hand: what is asked of the distribution, and nothing of what comes along.
set(CPACK_RPM_PACKAGE_AUTOREQPROV OFF)
set(CPACK_RPM_SPEC_MORE_DEFINE "%global _build_id_links none
%global debug_package %{nil}
%global __os_install_post %{nil}")
set(CPACK_RPM_PACKAGE_REQUIRES_PRE "shadow-utils")
string(JOIN ", " CPACK_RPM_PACKAGE_REQUIRES logrotate "libc.so.6(GLIBC_2.36)(64bit)"
  "libstdc++.so.6(GLIBCXX_3.4.30)(64bit)" "libgcc_s.so.1()(64bit)" "libssl.so.3()(64bit)"
  "libcrypto.so.3(OPENSSL_3.0.0)(64bit)" "libz.so.1()(64bit)")
# Not every distribution has it; the cluster says what is missing.
set(CPACK_RPM_PACKAGE_SUGGESTS "etcd")
set(CPACK_RPM_PACKAGE_DESCRIPTION "${CPACK_PACKAGE_DESCRIPTION}")
set(CPACK_RPM_PRE_INSTALL_SCRIPT_FILE ${here}/rpm/pre.sh)
set(CPACK_RPM_POST_INSTALL_SCRIPT_FILE ${here}/rpm/post.sh)
set(CPACK_RPM_PRE_UNINSTALL_SCRIPT_FILE ${here}/rpm/preun.sh)
set(CPACK_RPM_POST_UNINSTALL_SCRIPT_FILE ${here}/rpm/postun.sh)
set(CPACK_RPM_USER_FILELIST
  "%config(noreplace) %attr(0640,root,vernemq) /etc/vernemq/vernemq.conf"
  "%config(noreplace) %attr(0640,root,vernemq) /etc/vernemq/vmq.acl"
  "%config(noreplace) %attr(0640,root,vernemq) /etc/vernemq/vmq.passwd"
  "%config(noreplace) /etc/vernemq/conf.d/README"
  "%config(noreplace) /etc/logrotate.d/vernemq"
  "%config(noreplace) /etc/sysconfig/vernemq"
  "%dir %attr(0750,vernemq,vernemq) /var/lib/vernemq"
  "%dir %attr(0750,vernemq,vernemq) /var/log/vernemq"
  "%doc /usr/share/doc/vernemq")
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
  /etc/logrotate.d /etc/sysconfig /usr/lib/systemd /usr/lib/systemd/system /usr/lib/sysusers.d /usr/lib/tmpfiles.d
  /usr/lib64 /usr/sbin /usr/share/man /usr/share/man/man1 /usr/share/man/man5 /usr/share/man/man8
  /usr/share/bash-completion /usr/share/bash-completion/completions /var /var/lib /var/log)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/licenses/vernemq)
